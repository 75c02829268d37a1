/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 2 aborts of the Realm, and their completion by the host.
 *
 * Invariants
 * - An abort leaves pc and pstate at the faulting instruction until it is resolved: by a retry, by
 *   EMUL_MMIO or by an injected external abort.
 * - rec->abort says what the host may ask for at the next entry and is dropped by abort_complete().
 * - The host sees the syndrome bits of exits.md only, never the register that a load targets.
 */
#ifndef RMM_ABORT_H
#define RMM_ABORT_H

#include "run.h"

enum run_next abort_data(struct run *run);
enum run_next abort_instruction(struct run *run);

/*
 * The exit for an access of the RMM on behalf of the Realm to a page that the host must map first.
 */
enum run_next abort_emulated(struct run *run, uint64_t ipa, int level);

/* The flags of the entry ask for nothing that the previous exit does not allow. */
bool abort_entry_sea_ok(const struct rec *rec, const struct rmi_rec_enter *enter);
bool abort_entry_mmio_ok(const struct rec *rec, const struct rmi_rec_enter *enter);

/* Applies EMUL_MMIO or INJECT_SEA. */
void abort_complete(struct run *run);

#endif
