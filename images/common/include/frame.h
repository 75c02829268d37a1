/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exception frame that frame_asm.h saves on the stack, and its dump.
 *
 * Invariants: layout equals the offsets in frame_asm.h; esr, far and spsr are those of
 * the exception level that took the exception; sp is the value before the exception.
 */
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <frame_asm.h>

struct exception_frame {
	uint64_t x[31];
	uint64_t sp;
	uint64_t elr;
	uint64_t spsr;
	uint64_t esr;
	uint64_t far;
};

_Static_assert(offsetof(struct exception_frame, sp) == FRAME_SP, "frame.sp");
_Static_assert(offsetof(struct exception_frame, elr) == FRAME_ELR, "frame.elr");
_Static_assert(offsetof(struct exception_frame, esr) == FRAME_ESR, "frame.esr");
_Static_assert(sizeof(struct exception_frame) == FRAME_SIZE, "frame");

/* Write all registers to the UART, a few per line, each line led by `prefix`. */
void exception_frame_print(const char *prefix, const struct exception_frame *frame);

#endif
