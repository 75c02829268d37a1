/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Self-hosted debug of the Realm: MDSCR_EL1, breakpoints, watchpoints.
 *
 * Invariants
 * - Every access of the Realm to a debug register traps (MDCR_EL2.TDA, TDOSA, TDRA). The saved
 *   context is the truth; the hardware holds a copy of it while the Realm's context is loaded.
 * - MDSCR_EL1 is switched always, so that the host's breakpoints never fire in the Realm.
 *   Breakpoint and watchpoint registers are switched from the first write of the Realm to one of
 *   them on (`used`): most RECs never do it.
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
