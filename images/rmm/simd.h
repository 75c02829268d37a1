/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * V0..V31, FPCR, FPSR, and for the host the SVE registers of which V0..V31 are the low part.
 *
 * Invariants
 * - No other code of the RMM touches these registers; CPTR_EL2 is as sve.h describes.
 * - A Realm runs with streaming mode off, whatever the host left on.
 */
#ifndef RMM_SIMD_H
#define RMM_SIMD_H

#include <stdbool.h>
#include <stdint.h>

#include "sve.h"

struct simd_context {
	uint64_t q[32][2] __attribute__((aligned(16)));
	uint64_t fpcr;
	uint64_t fpsr;
};

struct simd_host_context {
	uint8_t vectors[32][SVE_VECTOR_BYTES_MAX] __attribute__((aligned(16)));
	uint8_t predicates[16][SVE_PREDICATE_BYTES_MAX]; /* in streaming mode: lost by leaving it */
	uint64_t fpcr;
	uint64_t fpsr;
	bool streaming;
};

void simd_save(struct simd_context *context);
void simd_restore(const struct simd_context *context);

void simd_host_save(struct simd_host_context *host);
void simd_host_restore(const struct simd_host_context *host);

#endif
