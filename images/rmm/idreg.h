/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ID registers that the Realm reads (HCR_EL2.TID3).
 *
 * Invariants
 * - A feature is shown only if the RMM switches or isolates its state. Hidden features are trapped,
 *   not just unlisted: the Realm's software need not be honest.
 * - Reserved and AArch32 ID registers read as zero.
 */
#ifndef RMM_IDREG_H
#define RMM_IDREG_H

#include <stdint.h>

#include "realm.h"

/* op0 = 3, op1 = 0, CRn = 0. */
uint64_t idreg_read(const struct rd *rd, unsigned int crm, unsigned int op2);

#endif
