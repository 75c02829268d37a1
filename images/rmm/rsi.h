/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMCs of the Realm: RSI, PSCI, SMCCC_VERSION; all else is unknown.
 *
 * Invariants
 * - A call changes the registers that the table names as outputs and no others.
 * - A call that needs a page that the host must map first leaves pc at the SMC and all registers
 *   alone: it starts again when the Realm continues. Every other call is left with pc behind the
 *   SMC.
 */
#ifndef RMM_RSI_H
#define RMM_RSI_H

#include "run.h"

enum run_next rsi_smc(struct run *run);

/* Ends an RSI_IPA_STATE_SET: reports its progress and closes the window. */
void rsi_complete_ripas(struct run *run);

#endif
