/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMC with x0..x16.
 *
 * Invariants: callee-saved registers survive, whatever the monitor does to them.
 */
#ifndef PAYLOAD_SMC_H
#define PAYLOAD_SMC_H

#include <stdint.h>

#define SMC_REGISTERS 17

/* x0..x16 from `in`, afterwards to `out`; the two may be the same. */
void smc_call(const uint64_t in[SMC_REGISTERS], uint64_t out[SMC_REGISTERS]);

#endif
