/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single memory accesses to run under a guard.
 *
 * Invariants: exactly one load or store instruction of the width touches `pa`.
 */
#ifndef MONITOR_ACCESS_H
#define MONITOR_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool access_width_valid(uint64_t width_bytes)
{
	return width_bytes == 1 || width_bytes == 2 || width_bytes == 4 || width_bytes == 8;
}

/* As unwind_function: load from `pa` into the uint64_t at `result`. */
static inline void access_read(uint64_t pa, uint64_t width_bytes, uint64_t result)
{
	uint64_t value;

	switch (width_bytes) {
	case 1:
		__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(pa) : "memory");
		break;
	case 2:
		__asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(pa) : "memory");
		break;
	case 4:
		__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(pa) : "memory");
		break;
	default:
		__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(pa) : "memory");
		break;
	}
	*(uint64_t *)result = value;
}

/* As unwind_function: store `value` at `pa`. */
static inline void access_write(uint64_t pa, uint64_t width_bytes, uint64_t value)
{
	switch (width_bytes) {
	case 1:
		__asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(pa) : "memory");
		break;
	case 2:
		__asm__ volatile("strh %w0, [%1]" : : "r"(value), "r"(pa) : "memory");
		break;
	case 4:
		__asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(pa) : "memory");
		break;
	default:
		__asm__ volatile("str %0, [%1]" : : "r"(value), "r"(pa) : "memory");
		break;
	}
	/* An asynchronous report of the store arrives before the guard ends. */
	__asm__ volatile("dsb sy" : : : "memory");
}

#endif
