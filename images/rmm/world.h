/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything but the general registers that makes this PE the Realm's.
 *
 * Invariants
 * - world_enter() and world_exit() come in pairs on one PE. In between, EL2 registers that control
 *   EL1 and EL0 are set for the Realm, and its contexts are loaded; outside they are as the RMM's
 *   boot left them.
 * - No TLB entry of another REC of the same Realm is used: two virtual PEs may use one ASID for
 *   different tables.
 */
#ifndef RMM_WORLD_H
#define RMM_WORLD_H

#include "run.h"

void world_enter(const struct run *run);
void world_exit(const struct run *run);

#endif
