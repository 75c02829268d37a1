/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Granules: the 4 KiB pages of delegable DRAM and what the RMM uses them for.
 *
 * Invariants:
 * - One state byte per granule of the manifest's DRAM banks; the RMM lock
 *   protects it. A PA outside the banks has no state (it is not tracked).
 * - A granule in a state other than UNDELEGATED is in the Realm PAS and the
 *   RMM may access it at VA = PA (Realm alias).
 * - Granules are wiped on DELEGATE, on each return to DELEGATED and before
 *   the GPT change of UNDELEGATE.
 */
#ifndef RMM_GRANULE_H
#define RMM_GRANULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRANULE_SIZE 4096UL
#define GRANULE_SHIFT 12
#define GRANULE_MASK (GRANULE_SIZE - 1)

enum granule_state {
	GRANULE_UNDELEGATED = 0,
	GRANULE_DELEGATED,
	GRANULE_RD,
	GRANULE_REC,
	GRANULE_REC_AUX,
	GRANULE_RTT,
	GRANULE_DATA,
};

static inline bool granule_aligned(uint64_t addr)
{
	return (addr & GRANULE_MASK) == 0;
}

/* Adds a DRAM bank of the boot manifest; false if it cannot be tracked. */
bool granule_add_bank(uint64_t base, uint64_t size_bytes);

/* True if pa is aligned and lies in delegable DRAM. */
bool granule_is_tracked(uint64_t pa);

/* The two below require granule_is_tracked(pa). */
enum granule_state granule_state(uint64_t pa);
void granule_set_state(uint64_t pa, enum granule_state state);

/* The granule's memory, or NULL unless pa is aligned, tracked and in that state. */
void *granule_find(uint64_t pa, enum granule_state expected);

/* Zeroes a granule that is in the Realm PAS. */
void granule_wipe(uint64_t pa);

/*
 * Lets every PE fetch what was written to a granule as instructions, with no maintenance on the
 * side of the Realm, and none of what the granule held for its last owner.
 */
void granule_make_fetchable(uint64_t pa);

/* Wipes the granule and sets it DELEGATED: the end of any RMM use. */
void granule_release(uint64_t pa);

#endif
