/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls that an exception handler can end from below.
 *
 * Invariants: while the called function runs, *stack describes the frame of unwind_call();
 * a handler that returns from the exception to unwind_target with x0 = stack drops
 * everything above that frame and makes unwind_call() return 1. Calls nest if each has a
 * stack word of its own.
 */
#ifndef COMMON_UNWIND_H
#define COMMON_UNWIND_H

#include <stdint.h>

typedef void (*unwind_function)(uint64_t a, uint64_t b, uint64_t c);

/* 0 after a normal return of `function`, 1 after an exception ended it. */
uint64_t unwind_call(uint64_t *stack, unwind_function function, uint64_t a, uint64_t b, uint64_t c);

extern char unwind_target[];

#endif
