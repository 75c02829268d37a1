/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes a kernel program the timer of each CPU again.
 *
 * QEMU (up to 11.1) does not keep in a saved state when the EL2 physical timer is due, which
 * is the one that a kernel at EL2 uses. After a restore it never fires, and the kernel waits
 * for it for ever. A sleep until a moment that is long past is due earlier than anything that
 * the kernel waits for, so that it programs the timer.
 *
 * No library: three system calls.
 */
#include <stdint.h>

#define CPUS 512

enum { SYS_EXIT = 93, SYS_CLOCK_NANOSLEEP = 115, SYS_SCHED_SETAFFINITY = 122 };
enum { CLOCK_MONOTONIC = 1, TIMER_ABSTIME = 1 };

static const struct {
	int64_t seconds, nanoseconds;
} long_past = { 0, 1 };

static long call(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
	register long x8 __asm__("x8") = number;
	register uintptr_t x0 __asm__("x0") = a;
	register uintptr_t x1 __asm__("x1") = b;
	register uintptr_t x2 __asm__("x2") = c;
	register uintptr_t x3 __asm__("x3") = d;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return (long)x0;
}

__attribute__((noreturn)) void _start(void)
{
	uint64_t mask[CPUS / 64];
	unsigned int found = 0;

	for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned int word = 0; word < CPUS / 64; word++)
			*(volatile uint64_t *)&mask[word] = cpu / 64 == word ? 1ull << cpu % 64 : 0;
		if (call(SYS_SCHED_SETAFFINITY, 0, sizeof(mask), (uintptr_t)mask, 0) < 0)
			continue;
		found++;
		call(SYS_CLOCK_NANOSLEEP, CLOCK_MONOTONIC, TIMER_ABSTIME, (uintptr_t)&long_past, 0);
	}
	for (;;)
		call(SYS_EXIT, found == 0, 0, 0, 0);
}
