/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Realm's EL1 timers, virtual and physical, with counter offset zero.
 *
 * Invariants
 * - timer_exit() leaves the host's own timer registers in the hardware.
 * - The host learns of each change of a timer's output (ENABLE, not IMASK, ISTATUS): a REC exits
 *   with IRQ when the output differs from `reported`, the output at its last exit. `reported`
 *   changes only in timer_exit().
 * - While an output that the host knows of stays asserted, its physical interrupt is masked by
 *   CNTHCTL_EL2.CNTxMASK (else the REC could not run), and the Realm's accesses to that timer
 *   trap, so that the end of the assertion, which only such an access can bring about, is seen.
 */
#ifndef RMM_TIMER_H
#define RMM_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "rec.h"

void timer_enter(const struct rec *rec);
void timer_exit(struct rec *rec);

/* Before each step into the Realm: an output differs from what the host knows. */
bool timer_output_changed(const struct rec *rec);
void timer_set_traps(const struct rec *rec);

/* A trapped access; false if `key` is no register of an EL1 timer. */
bool timer_access(uint32_t key, bool is_write, uint64_t *value);

void timer_report(const struct rec *rec, struct rmi_rec_exit *exit);

#endif
