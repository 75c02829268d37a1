/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Realm's virtual CPU interface: ICH_* registers.
 *
 * Invariants
 * - The host decides list registers and the bits of ICH_HCR_EL2 in ICH_HCR_EL2_PERMITTED_MASK; En
 *   is the RMM's and is set exactly while a Realm's context is loaded.
 * - gic_exit() leaves the host's own ICH_* values in the hardware.
 */
#ifndef RMM_GIC_H
#define RMM_GIC_H

#include <stdbool.h>

#include "rec.h"

/* The host's request obeys the rules for ICH_HCR_EL2 and list registers. */
bool gic_entry_ok(const struct rmi_rec_enter *enter);

void gic_take_request(struct rec *rec, const struct rmi_rec_enter *enter);
void gic_report(const struct rec *rec, struct rmi_rec_exit *exit);

void gic_enter(const struct rec *rec);
void gic_exit(struct rec *rec);

#endif
