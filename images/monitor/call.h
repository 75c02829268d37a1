/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMC with a full register set.
 *
 * Invariants: callee-saved registers survive, whatever the called firmware does to them.
 */
#ifndef MONITOR_CALL_H
#define MONITOR_CALL_H

#include <stdint.h>

/* SMC with x0..x7 from `in` and x8..x17 zero; x0..x7 afterwards to `out` (may be `in`). */
void smc_call(const uint64_t in[8], uint64_t out[8]);

#endif
