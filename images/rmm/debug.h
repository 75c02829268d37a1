/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Self-hosted debug of the Realm: MDSCR_EL1, breakpoints, watchpoints.
 *
 * Invariants
 * - Every access of the Realm to a debug register traps (MDCR_EL2.TDA, TDOSA, TDRA). The saved
 *   context is the truth; the hardware holds a copy of it while the Realm's context is loaded.
 * - MDSCR_EL1 is switched always. Breakpoint and watchpoint registers are switched once the Realm
 *   has written one of them or set MDSCR_EL1.MDE (`used`; most RECs do neither): those of the host
 *   need MDE, so they never fire in the Realm.
 * - The OS lock, which would silence the Realm's own, is open while the Realm's context is loaded.
 */
#ifndef RMM_DEBUG_H
#define RMM_DEBUG_H

#include <stdbool.h>
#include <stdint.h>

#include "context.h"

void debug_enter(const struct rec *rec);
void debug_exit(const struct rec *rec);

/*
 * A trapped access to the register `key` (SYSREG_KEY, op0 = 2): reads into *value or writes it.
 * False if the register does not exist for the Realm.
 */
bool debug_access(const struct rec *rec, uint32_t key, bool is_write, uint64_t *value);

#endif
