/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's SVE registers and streaming mode.
 *
 * Invariants
 * - Vectors have the length that the host set in ZCR_EL2 or SMCR_EL2; these registers, ZA and FFR
 *   are not touched (a Realm has neither SVE nor SME).
 * - While the RMM runs, SVE and SME are not trapped (sve_cptr_untrapped() from boot on): a PE may
 *   drop the upper part of vectors when it comes to an exception level that traps them. EL3 gives
 *   the Realm world what it gives the normal world.
 */
#ifndef RMM_SVE_H
#define RMM_SVE_H

#include <stdbool.h>
#include <stdint.h>

#define SVE_VECTOR_BYTES_MAX 256
#define SVE_PREDICATE_BYTES_MAX (SVE_VECTOR_BYTES_MAX / 8)

/* The CPU has SVE. */
bool sve_present(void);

/* PSTATE.SM; false without SME. */
bool sve_streaming(void);

/* CPTR_EL2 (E2H = 0) that lets the RMM use FP/SIMD and what the CPU has of SVE and SME. */
uint64_t sve_cptr_untrapped(void);

/* sve.S: Z0..Z31, P0..P15, one behind the other at the vector length in force. */
void sve_store_vectors(void *area);
void sve_load_vectors(const void *area);
void sve_store_predicates(void *area);
void sve_load_predicates(const void *area);

/* sve.S: each zeroes vectors and predicates. */
void sve_streaming_on(void);
void sve_streaming_off(void);

#endif
