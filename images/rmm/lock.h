/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one RMM lock.
 *
 * Invariants:
 * - Every RMI and RSI handler runs with the lock held; it protects all RMM
 *   state: granule states, RDs, RECs, RTTs, VMIDs.
 * - It is never held while a REC executes, nor across a call that gives the PE
 *   to EL3 for good (BOOT_COMPLETE, RMI_REQ_COMPLETE).
 * - Not recursive.
 */
#ifndef RMM_LOCK_H
#define RMM_LOCK_H

void rmm_lock(void);
void rmm_unlock(void);

#endif
