/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Per-PE state.
 *
 * Invariants:
 * - TPIDR_EL2 holds the PE's own `struct pe` from the end of start.S on, also
 *   while a REC runs.
 * - The PE index is the linear index that EL3 passes at boot, < RMM_MAX_PES.
 * - Offsets used by assembly are asserted below.
 */
#ifndef RMM_PE_H
#define RMM_PE_H

#define RMM_MAX_PES 32
#define RMM_STACK_SHIFT 15
#define RMM_STACK_SIZE (1 << RMM_STACK_SHIFT)

#define PE_SIZE 0x04
#define PE_INDEX 0x00

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct pe {
	uint32_t index;
};

_Static_assert(sizeof(struct pe) == PE_SIZE, "pe size");
_Static_assert(offsetof(struct pe, index) == PE_INDEX, "pe.index");

extern struct pe pe_table[RMM_MAX_PES];

static inline struct pe *pe_this(void)
{
	struct pe *pe;

	__asm__ volatile("mrs %0, tpidr_el2" : "=r"(pe));
	return pe;
}
#endif /* __ASSEMBLER__ */
#endif
