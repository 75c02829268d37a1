/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that survive their own aborts.
 *
 * Invariants: between the call and the return of guard_run() the PE's innermost guard is
 * this one; a synchronous exception or SError taken meanwhile ends the called function at
 * once (its stack frame is dropped, callee-saved registers are restored) and is recorded.
 * Guards nest. Exceptions without a guard are panics.
 */
#ifndef MONITOR_GUARD_H
#define MONITOR_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include <unwind.h>

struct guard {
	uint64_t stack;
	struct guard *outer;
	uint64_t esr;
	uint64_t elr;
	uint64_t far;
	uint64_t hpfar;
};

/* True if `function` returned, false if an exception ended it and the guard tells which. */
bool guard_run(struct guard *guard, unwind_function function, uint64_t a, uint64_t b, uint64_t c);

#endif
