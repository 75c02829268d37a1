/* SPDX-License-Identifier: BSD-3-Clause */
#include "xlat.h"

#include <sysreg.h>

#include "feature.h"
#include "nsmem.h"

#define ENTRIES 512
#define GIB_SHIFT 30
#define GIB (1UL << GIB_SHIFT)
#define MIB2_SHIFT 21
#define MIB2 (1UL << MIB2_SHIFT)
#define PAGE 4096UL
#define CACHE_LINE 64

#define DESC_TABLE 3UL
#define DESC_PAGE 3UL
#define DESC_BLOCK 1UL
#define ATTR_DEVICE (1UL << 2) /* MAIR_EL2 attribute 1 */
#define ATTR_NS (1UL << 5)
#define ATTR_AP1 (1UL << 6) /* RES1 with HCR_EL2.E2H = 0 */
#define ATTR_RO (1UL << 7)
#define ATTR_SH_INNER (3UL << 8)
#define ATTR_AF (1UL << 10)
#define ATTR_XN (1UL << 54)
#define NORMAL (ATTR_AP1 | ATTR_SH_INNER | ATTR_AF)
#define DATA (NORMAL | ATTR_XN)

#define MAIR_VALUE 0x00ffUL /* 0: normal write-back, 1: device nGnRnE */

#define TCR_RES1 ((1UL << 31) | (1UL << 23))
#define TCR_T0SZ(bits) (64UL - (bits))
#define TCR_WALK ((1UL << 8) | (1UL << 10) | (3UL << 12)) /* write-back, inner shareable */
#define TCR_PS_SHIFT 16

#define SCTLR_RES1 0x30c50830UL
#define SCTLR_M (1UL << 0)
#define SCTLR_C (1UL << 2)
#define SCTLR_SA (1UL << 3)
#define SCTLR_I (1UL << 12)
#define SCTLR_WXN (1UL << 19)

extern char text_start[], text_end[], rodata_end[];

static uint64_t l0[ENTRIES] __attribute__((aligned(4096)));
static uint64_t l1_realm[ENTRIES] __attribute__((aligned(4096)));
static uint64_t l1_ns[ENTRIES] __attribute__((aligned(4096)));
static uint64_t l2_image[ENTRIES] __attribute__((aligned(4096)));
static uint64_t l3_image[ENTRIES] __attribute__((aligned(4096)));

static uint64_t image_page_rights(uint64_t pa)
{
	if (pa < (uint64_t)text_start || pa >= (uint64_t)rodata_end)
		return DATA;
	return pa < (uint64_t)text_end ? NORMAL | ATTR_RO : DATA | ATTR_RO;
}

/* The caches may hold older lines of memory that was written with the MMU off. */
static void drop_cached(const uint64_t *table)
{
	for (uintptr_t line = (uintptr_t)table; line < (uintptr_t)(table + ENTRIES);
	     line += CACHE_LINE)
		__asm__ volatile("dc ivac, %0" : : "r"(line) : "memory");
}

void xlat_build(void)
{
	uint64_t gib = (uint64_t)text_start & ~(GIB - 1);
	uint64_t block = (uint64_t)text_start & ~(MIB2 - 1);

	for (uint64_t i = 0; i < ENTRIES; i++) {
		uint64_t page = block + i * PAGE;

		l3_image[i] = page | image_page_rights(page) | DESC_PAGE;
		l2_image[i] = (gib + i * MIB2) | DATA | DESC_BLOCK;
	}
	l2_image[(block - gib) >> MIB2_SHIFT] = (uint64_t)l3_image | DESC_TABLE;
	l1_realm[gib >> GIB_SHIFT] = (uint64_t)l2_image | DESC_TABLE;
	l0[0] = (uint64_t)l1_realm | DESC_TABLE;
	l0[NS_ALIAS >> XLAT_PA_BITS] = (uint64_t)l1_ns | DESC_TABLE;

	dsb(sy);
	drop_cached(l0);
	drop_cached(l1_realm);
	drop_cached(l1_ns);
	drop_cached(l2_image);
	drop_cached(l3_image);
	dsb(sy);
}

void xlat_enable(void)
{
	write_sysreg(mair_el2, MAIR_VALUE);
	write_sysreg(tcr_el2, TCR_RES1 | TCR_T0SZ(XLAT_PA_BITS + 1) | TCR_WALK |
				      ((uint64_t)feature_pa_range() << TCR_PS_SHIFT));
	write_sysreg(ttbr0_el2, (uint64_t)l0);
	__asm__ volatile("tlbi alle2" : : : "memory");
	dsb(sy);
	isb();
	write_sysreg(sctlr_el2, SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_I | SCTLR_WXN);
	isb();
}

static void map_gib(uint64_t *l1, uint64_t pa, uint64_t attributes)
{
	uint64_t *entry = &l1[pa >> GIB_SHIFT];

	if (*entry == 0)
		*entry = (pa & ~(GIB - 1)) | attributes | DESC_BLOCK;
}

void xlat_map_dram(uint64_t base, uint64_t size_bytes)
{
	for (uint64_t pa = base & ~(GIB - 1); pa < base + size_bytes; pa += GIB) {
		map_gib(l1_realm, pa, DATA);
		map_gib(l1_ns, pa, DATA | ATTR_NS);
	}
	dsb(ishst);
	isb();
}

uintptr_t xlat_map_ns_device(uint64_t pa)
{
	map_gib(l1_ns, pa, ATTR_AP1 | ATTR_AF | ATTR_XN | ATTR_NS | ATTR_DEVICE);
	dsb(ishst);
	isb();
	return NS_ALIAS + pa;
}
