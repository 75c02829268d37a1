/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RMM's own translation (EL2 regime, 4 KiB granule, 40-bit VA).
 *
 * Invariants:
 * - Realm alias: VA = PA, Realm PAS. NS alias: VA = PA + NS_ALIAS, Non-secure PAS.
 * - Only the RMM's text is executable and nothing is writable and executable.
 * - Mappings are only added, before any other PE runs: no TLB invalidation later.
 */
#ifndef RMM_XLAT_H
#define RMM_XLAT_H

#include <stdbool.h>
#include <stdint.h>

#define XLAT_PA_BITS 39

/* With the MMU off: builds tables that map the 1 GiB around the image. */
void xlat_build(void);

/* Turns this PE's MMU on with those tables. */
void xlat_enable(void);

/* Maps DRAM in both aliases, in steps of 1 GiB. Needs base + size <= 2^XLAT_PA_BITS. */
void xlat_map_dram(uint64_t base, uint64_t size_bytes);

/* Maps the 1 GiB around a Non-secure device register page; returns its address. */
uintptr_t xlat_map_ns_device(uint64_t pa);

#endif
