/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * V0..V31, FPCR, FPSR.
 *
 * Invariants: CPTR_EL2.TFP is 0. No other code of the RMM touches these registers.
 */
#ifndef RMM_SIMD_H
#define RMM_SIMD_H

#include "context.h"

void simd_save(struct simd_context *context);
void simd_restore(const struct simd_context *context);

#endif
