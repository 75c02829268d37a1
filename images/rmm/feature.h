/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this RMM offers (feature register 0) and the PE features behind it.
 *
 * Invariants: values are the same on every PE and do not change after boot.
 */
#ifndef RMM_FEATURE_H
#define RMM_FEATURE_H

#include <stdint.h>

#define FEATURE_S2SZ_MIN 32U /* the least that RmiRealmParams accepts */
#define FEATURE_MAX_RECS_ORDER 4U
#define FEATURE_MAX_RECS (1U << FEATURE_MAX_RECS_ORDER)

/* ID_AA64MMFR0_EL1.PARange without LPA2: the PS value of TCR_EL2 and VTCR_EL2. */
unsigned int feature_pa_range(void);

/* Widest IPA space and output address without LPA2, in bits. */
unsigned int feature_pa_bits(void);
unsigned int feature_vmid_bits(void);
uint64_t feature_register0(void);

#endif
