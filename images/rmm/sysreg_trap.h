/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trapped MRS and MSR of the Realm.
 *
 * Invariants
 * - Only accesses to the GIC CPU interface that the host must act on leave the RMM; the host gets
 *   the value, never the register number.
 * - Every other access is emulated here or is UNDEFINED for the Realm.
 */
#ifndef RMM_SYSREG_TRAP_H
#define RMM_SYSREG_TRAP_H

#include "run.h"

enum run_next sysreg_trap(struct run *run);

/* Gives the host's value to the register read that the previous exit reported. */
void sysreg_complete(struct run *run);

#endif
