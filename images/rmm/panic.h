/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of the RMM on this PE.
 *
 * Invariants:
 * - Output starts with "RMM PANIC: "; harness alarms look for it.
 * - Neither function returns; the PE stays in WFI, whatever locks it holds.
 */
#ifndef RMM_PANIC_H
#define RMM_PANIC_H

#include <frame.h>

_Noreturn void panic(const char *what);
_Noreturn void panic_exception(const struct exception_frame *frame, unsigned int vector);

#endif
