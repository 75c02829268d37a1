/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exceptions that the RMM makes the Realm take to its EL1.
 *
 * Invariants
 * - The Realm's EL1 registers are loaded. ELR_EL1, SPSR_EL1, ESR_EL1 and FAR_EL1 get what a PE
 *   would have written had it taken the exception from rec->pc and rec->pstate, which then become
 *   those of the vector.
 */
#ifndef RMM_INJECT_H
#define RMM_INJECT_H

#include "rec.h"

/* "Unknown reason", at the instruction at rec->pc. */
void inject_undefined(struct rec *rec);

/* Synchronous external abort for the data or instruction abort described by `esr`. */
void inject_external_abort(struct rec *rec, uint64_t esr, uint64_t far);

#endif
