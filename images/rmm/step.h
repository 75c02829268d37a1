/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moving on behind an instruction that the RMM or the host has carried out.
 *
 * Invariants: only rec->pc and rec->pstate change, as the instruction would have changed them.
 */
#ifndef RMM_STEP_H
#define RMM_STEP_H

#include "rec.h"

/* An A64 instruction. */
void step_over(struct rec *rec);

/* An instruction of either state that trapped with this syndrome (IL tells its length). */
void step_over_any(struct rec *rec, uint64_t esr);

#endif
