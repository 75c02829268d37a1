/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What to do about an exception that the Realm took to EL2.
 *
 * Invariants: see run.h. Whatever no rule lets through to the host is an Undefined exception for
 * the Realm.
 */
#ifndef RMM_EXIT_H
#define RMM_EXIT_H

#include "run.h"

/* kind: REALM_EXIT_* */
enum run_next exit_handle(struct run *run, unsigned int kind);

/* An exit without syndrome; reason: RMI_REC_EXIT_REASON_IRQ or _FIQ. */
enum run_next exit_interrupt(struct run *run, unsigned int reason);

#endif
