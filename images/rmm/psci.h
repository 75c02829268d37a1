/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PSCI calls of the Realm, and RMI_PSCI_COMPLETE.
 *
 * Invariants
 * - CPU_ON and AFFINITY_INFO about another REC stay pending (rec->psci.fid) from their exit until
 *   RMI_PSCI_COMPLETE; the REC cannot be entered meanwhile. The host chooses between SUCCESS and
 *   DENIED; the RMM knows who is on.
 * - After an exit for PSCI the Realm sees X0 = result, X1..X6 = 0.
 * - The host learns function and target, never entry points or context ids.
 */
#ifndef RMM_PSCI_H
#define RMM_PSCI_H

#include <stdint.h>

#include "run.h"

/* True for the functions of the rsi table's psci section. */
bool psci_is_known(uint32_t fid);

/* Handles a call with psci_is_known(fid); the PC is already behind the SMC. */
enum run_next psci_call(struct run *run, uint32_t fid);

#endif
