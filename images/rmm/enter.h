/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The step from the RMM into the Realm and back.
 *
 * Invariants
 * - Only the general registers, ELR_EL2 and SPSR_EL2 change hands here; all other state is loaded
 *   before.
 * - The lower-EL vectors branch to realm_exit_* with every register as the Realm left it; the stack
 *   pointer is the one realm_enter() left, which locates the REC.
 */
#ifndef RMM_ENTER_H
#define RMM_ENTER_H

#define REALM_EXIT_SYNC 0
#define REALM_EXIT_IRQ 1
#define REALM_EXIT_FIQ 2
#define REALM_EXIT_SERROR 3

#define REC_PC_OFFSET 248
#define REC_PSTATE_OFFSET 256

#ifndef __ASSEMBLER__
#include <stddef.h>

#include "rec.h"

_Static_assert(offsetof(struct rec, gprs) == 0, "rec.gprs");
_Static_assert(offsetof(struct rec, pc) == REC_PC_OFFSET, "rec.pc");
_Static_assert(offsetof(struct rec, pstate) == REC_PSTATE_OFFSET, "rec.pstate");

/* Runs the REC until the next exception to EL2; returns one of REALM_EXIT_*. */
unsigned int realm_enter(struct rec *rec);
#endif

#endif
