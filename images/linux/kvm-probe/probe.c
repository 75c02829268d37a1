/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kvm-probe: says what KVM of the running kernel offers, one "key value" a line.
 *
 * - needs no C library and no kernel headers of the host under test: the numbers below are
 *   part of the stable interface of upstream KVM;
 * - changes nothing: VMs are created and closed at once;
 * - a refused ioctl is an answer ("-22"), not a failure; the exit status is 0 unless /dev/kvm
 *   cannot be opened (1).
 */
#include <stddef.h>
#include <stdint.h>

#define SYS_OPENAT 56
#define SYS_CLOSE 57
#define SYS_WRITE 64
#define SYS_IOCTL 29
#define SYS_EXIT 93
#define AT_FDCWD (-100)
#define O_RDWR 2

#define KVM_GET_API_VERSION 0xAE00
#define KVM_CREATE_VM 0xAE01
#define KVM_CHECK_EXTENSION 0xAE03

#define IPA_BITS 40
#define BAD_TYPE_BIT 20

struct capability {
	const char *name;
	long number;
};

static const struct capability capabilities[] = {
	{ "max-vcpus", 66 },      { "hw-breakpoints", 119 },    { "hw-watchpoints", 120 },
	{ "guest-debug", 23 },    { "pmu", 126 },               { "ipa-bits", 165 },
	{ "sve", 170 },           { "readonly-mem", 81 },       { "steal-time", 187 },
	{ "counter-offset", 227 }, { "memory-attributes", 233 }, { "guest-memfd", 234 },
};

static const unsigned int realm_bits[] = { 8, 30 };

static long call(long number, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}

static void say(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	(void)call(SYS_WRITE, 1, (long)text, (long)length, 0);
}

static void say_number(long value)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;
	unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;

	*at = '\0';
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (value < 0)
		*--at = '-';
	say(at);
}

static void say_pair(const char *kind, const char *key, long number, long value)
{
	say(kind);
	say(" ");
	if (key != NULL)
		say(key);
	else
		say_number(number);
	say(" ");
	say_number(value);
	say("\n");
}

/* The capabilities that a kind of VM has: some are hidden from realms. */
static void probe_capabilities(const char *kind, long fd)
{
	for (size_t n = 0; n < sizeof(capabilities) / sizeof(capabilities[0]); n++) {
		const struct capability *cap = &capabilities[n];

		say_pair(kind, cap->name, 0, call(SYS_IOCTL, fd, KVM_CHECK_EXTENSION, cap->number, 0));
	}
}

/* Create a VM of a type; its capabilities if that works. "create" 0 or the error. */
static void probe_type(long kvm, unsigned long type, const char *kind, const char *name, long bit)
{
	long vm = call(SYS_IOCTL, kvm, KVM_CREATE_VM, (long)type, 0);

	say_pair("create", name, bit, vm < 0 ? vm : 0);
	if (vm < 0)
		return;
	if (kind != NULL)
		probe_capabilities(kind, vm);
	(void)call(SYS_CLOSE, vm, 0, 0, 0);
}

static long probe(void)
{
	long kvm = call(SYS_OPENAT, AT_FDCWD, (long)"/dev/kvm", O_RDWR, 0);

	say_pair("open", "/dev/kvm", 0, kvm < 0 ? kvm : 0);
	if (kvm < 0)
		return 1;
	say_pair("api", "version", 0, call(SYS_IOCTL, kvm, KVM_GET_API_VERSION, 0, 0));
	probe_capabilities("host", kvm);
	probe_type(kvm, IPA_BITS, "vm", "plain", 0);
	probe_type(kvm, (1UL << BAD_TYPE_BIT) | IPA_BITS, NULL, "bad", 0);
	for (size_t n = 0; n < sizeof(realm_bits) / sizeof(realm_bits[0]); n++)
		probe_type(kvm, (1UL << realm_bits[n]) | IPA_BITS, "realm", NULL, realm_bits[n]);
	return 0;
}

__attribute__((noreturn)) void _start(void)
{
	long status = probe();

	for (;;)
		(void)call(SYS_EXIT, status, 0, 0, 0);
}
