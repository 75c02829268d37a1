/* SPDX-License-Identifier: BSD-3-Clause */
/* A Linux kernel as the guest: its image, initial RAM disk and device tree, all measured. */
#include <stdio.h>
#include <string.h>

#include "exits.h"
#include "fdt.h"
#include "image.h"
#include "say.h"

#define HEADER_MAGIC_AT 56
#define HEADER_MAGIC "ARMd"
#define HEADER_SIZE_AT 16
#define LOAD_ALIGN (2ULL << 20)
#define TREE_ROOM (2ULL << 20)	/* at the end of RAM */

#define GIC_HANDLE 1
#define CLOCK_HANDLE 2
#define CLOCK_HZ 24000000
#define SPI 0
#define PPI 1
#define LEVEL_HIGH 4

#define HI(value) ((uint32_t)((value) >> 32))
#define LO(value) ((uint32_t)(value))

static void describe_cpus(const struct realm *realm)
{
	char name[32];

	fdt_node("cpus");
	FDT_CELLS("#address-cells", 1);
	FDT_CELLS("#size-cells", 0);
	for (unsigned int n = 0; n < realm->options->recs; n++) {
		snprintf(name, sizeof(name), "cpu@%llx", (unsigned long long)realm_mpidr(n));
		fdt_node(name);
		fdt_text("device_type", "cpu");
		fdt_text("compatible", "arm,armv8");
		fdt_text("enable-method", "psci");
		FDT_CELLS("reg", LO(realm_mpidr(n)));
		fdt_end_node();
	}
	fdt_end_node();
	fdt_node("psci");
	fdt_text("compatible", "arm,psci-1.0");
	fdt_text("method", "smc");
	fdt_end_node();
	fdt_node("timer");
	fdt_text("compatible", "arm,armv8-timer");
	FDT_CELLS("interrupts", PPI, 13, LEVEL_HIGH, PPI, 14, LEVEL_HIGH, PPI, 11, LEVEL_HIGH, PPI, 10, LEVEL_HIGH);
	fdt_bytes("always-on", "", 0);
	fdt_end_node();
}

static void describe_devices(const struct realm *realm)
{
	uint64_t redistributors = GICR_BYTES * realm->options->recs;

	fdt_node("intc@8000000");
	fdt_text("compatible", "arm,gic-v3");
	FDT_CELLS("#interrupt-cells", 3);
	fdt_bytes("interrupt-controller", "", 0);
	FDT_CELLS("reg", 0, LO(GICD_OFFSET), 0, LO(GICD_BYTES), 0, LO(GICR_OFFSET), 0, LO(redistributors));
	FDT_CELLS("phandle", GIC_HANDLE);
	fdt_end_node();
	fdt_node("clock");
	fdt_text("compatible", "fixed-clock");
	FDT_CELLS("#clock-cells", 0);
	FDT_CELLS("clock-frequency", CLOCK_HZ);
	FDT_CELLS("phandle", CLOCK_HANDLE);
	fdt_end_node();
	fdt_node("pl011@9000000");
	fdt_bytes("compatible", "arm,pl011\0arm,primecell", sizeof("arm,pl011\0arm,primecell"));
	FDT_CELLS("reg", 0, LO(UART_OFFSET), 0, LO(UART_BYTES));
	FDT_CELLS("interrupts", SPI, UART_INTID - 32, LEVEL_HIGH);
	FDT_CELLS("clocks", CLOCK_HANDLE, CLOCK_HANDLE);
	fdt_bytes("clock-names", "uartclk\0apb_pclk", sizeof("uartclk\0apb_pclk"));
	fdt_end_node();
}

static const void *describe(const struct realm *realm, uint64_t initrd, uint64_t initrd_bytes, size_t *bytes)
{
	uint64_t end = initrd + initrd_bytes;

	fdt_begin();
	FDT_CELLS("#address-cells", 2);
	FDT_CELLS("#size-cells", 2);
	FDT_CELLS("interrupt-parent", GIC_HANDLE);
	fdt_text("compatible", "linux,dummy-virt");
	fdt_node("chosen");
	fdt_text("bootargs", realm->options->append);
	fdt_text("stdout-path", "/pl011@9000000");
	if (initrd_bytes) {
		FDT_CELLS("linux,initrd-start", HI(initrd), LO(initrd));
		FDT_CELLS("linux,initrd-end", HI(end), LO(end));
	}
	fdt_end_node();
	fdt_node("memory@40000000");
	fdt_text("device_type", "memory");
	FDT_CELLS("reg", HI(realm->ram), LO(realm->ram), HI(realm->ram_bytes), LO(realm->ram_bytes));
	fdt_end_node();
	describe_cpus(realm);
	describe_devices(realm);
	return fdt_finish(bytes);
}

static uint64_t kernel_end(const struct realm *realm, const struct file *kernel)
{
	uint64_t bytes;

	if (kernel->bytes < HEADER_MAGIC_AT + 8 || memcmp(kernel->data + HEADER_MAGIC_AT, HEADER_MAGIC, 4))
		die(EXIT_NO_IMAGE, "%s is not an arm64 Image (is it compressed?)", kernel->path);
	memcpy(&bytes, kernel->data + HEADER_SIZE_AT, sizeof(bytes));
	if (bytes < kernel->bytes)
		bytes = kernel->bytes;
	return realm->ram + ((bytes + LOAD_ALIGN - 1) & -LOAD_ALIGN);
}

void linux_load(struct realm *realm)
{
	const struct options *options = realm->options;
	struct file kernel = file_open(options->kernel), initrd = { 0 };
	uint64_t initrd_at = kernel_end(realm, &kernel), tree_at = realm->ram + realm->ram_bytes - TREE_ROOM;
	const void *tree;
	size_t bytes;

	if (options->initrd)
		initrd = file_open(options->initrd);
	if (initrd_at + initrd.bytes > tree_at)
		die(EXIT_NO_IMAGE, "%s and initrd do not fit %llu bytes of RAM", kernel.path,
		    (unsigned long long)realm->ram_bytes);
	realm_load(realm, realm->ram, kernel.data, kernel.bytes);
	file_close(&kernel);
	if (initrd.bytes) {
		realm_load(realm, initrd_at, initrd.data, initrd.bytes);
		file_close(&initrd);
	}
	tree = describe(realm, initrd_at, initrd.bytes, &bytes);
	realm_load(realm, tree_at, tree, bytes);
	realm->entry = realm->ram;
	realm->entry_x0 = tree_at;
}
