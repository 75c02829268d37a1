/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Realm Descriptor (RD) and Realm life cycle.
 *
 * Invariants:
 * - A `struct rd` lives at the start of a granule in state RD and is accessed
 *   in place, with the RMM lock held.
 * - state only moves NEW -> ACTIVE -> SYSTEM_OFF.
 * - rec_index only grows; rec_count is the number of live RECs. While it is not
 *   zero the RD cannot be destroyed, so a REC may keep its RD's address.
 * - measurement[0] (RIM) changes only in state NEW.
 */
#ifndef RMM_REALM_H
#define RMM_REALM_H

#include <stdbool.h>
#include <stdint.h>

#include "cca_abi.h"
#include "granule.h"

#define MEASUREMENT_SLOTS 5
#define MEASUREMENT_SIZE 64

enum realm_state {
	REALM_NEW = 0,
	REALM_ACTIVE,
	REALM_SYSTEM_OFF,
};

struct rd {
	enum realm_state state;
	uint16_t vmid;
	uint8_t ipa_width; /* bits */
	uint8_t hash_algo; /* RMI_HASH_ALGORITHM_* */
	int32_t start_level;
	uint32_t root_count;
	uint64_t root_base;
	uint64_t rec_count; /* live RECs */
	uint64_t rec_index; /* index of the next REC */
	uint8_t num_bps;    /* count - 1, as in RmiRealmParams */
	uint8_t num_wps;
	uint8_t measurement[MEASUREMENT_SLOTS][MEASUREMENT_SIZE];
	uint8_t rpv[64];
};

_Static_assert(sizeof(struct rd) <= GRANULE_SIZE, "rd fits its granule");

static inline uint64_t rd_ipa_size(const struct rd *rd)
{
	return 1UL << rd->ipa_width;
}

/* First address of the unprotected half. */
static inline uint64_t rd_protected_size(const struct rd *rd)
{
	return 1UL << (rd->ipa_width - 1);
}

static inline bool rd_ipa_is_protected(const struct rd *rd, uint64_t ipa)
{
	return ipa < rd_protected_size(rd);
}

/* Values for VTTBR_EL2 and VTCR_EL2 while a REC of the Realm runs. */
uint64_t rd_vttbr(const struct rd *rd);
uint64_t rd_vtcr(const struct rd *rd);

#endif
