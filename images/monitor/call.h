/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What C cannot say: SMC with a full register set, and the SIMD registers.
 *
 * Invariants: no other code of the monitor touches v0..v31, FPCR or FPSR.
 */
#ifndef MONITOR_CALL_H
#define MONITOR_CALL_H

#include <stdint.h>

/* SMC with x0..x7 from `in` and x8..x17 zero; x0..x7 afterwards to `out` (may be `in`). */
void smc_call(const uint64_t in[8], uint64_t out[8]);

/* v0..v31 from or to 512 bytes, 16-byte aligned. */
void fp_load(const void *values);
void fp_store(void *values);

#endif
