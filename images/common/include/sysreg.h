/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System registers, barriers and cache maintenance.
 *
 * Invariants: every accessor is volatile and a compiler barrier; none of them adds an
 * architectural barrier, so that the caller's isb() and dsb() are visible where needed.
 * A register is named as the assembler knows it: read_sysreg(esr_el2), or by encoding
 * through S3_4_C12_C9_5.
 */
#ifndef COMMON_SYSREG_H
#define COMMON_SYSREG_H

#include <stdint.h>

#define read_sysreg(name)                                                                \
	({                                                                               \
		uint64_t value_;                                                         \
		__asm__ volatile("mrs %0, " #name : "=r"(value_) : : "memory");          \
		value_;                                                                  \
	})

#define write_sysreg(name, value)                                                        \
	do {                                                                             \
		uint64_t value_ = (value);                                               \
		__asm__ volatile("msr " #name ", %x0" : : "rZ"(value_) : "memory");      \
	} while (0)

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

#define dsb(domain) __asm__ volatile("dsb " #domain : : : "memory")
#define dmb(domain) __asm__ volatile("dmb " #domain : : : "memory")

static inline void wfi(void)
{
	__asm__ volatile("wfi" : : : "memory");
}

static inline void yield(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* The generic counter, not reordered before earlier instructions. */
static inline uint64_t counter_ticks(void)
{
	isb();
	return read_sysreg(cntpct_el0);
}

#endif
