/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exceptions taken to EL2.
 *
 * Invariants: interrupts are masked for good, so only synchronous exceptions and SErrors
 * arrive. With a guard active they end the guarded call; else they print MONITOR PANIC
 * and the PE stops.
 */
#ifndef MONITOR_TRAP_H
#define MONITOR_TRAP_H

#include <frame.h>

/* Called from vectors.S; `vector` is the offset from VBAR_EL2. Execution continues at frame->elr. */
void trap(struct exception_frame *frame, uint64_t vector);

#endif
