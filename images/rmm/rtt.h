/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Realm Translation Tables: stage 2, 4 KiB granule, 512 entries per table.
 *
 * Entry encoding:
 *   TABLE         bits 1:0 = 3 at levels 0..2, PA of the table in 47:12
 *   ASSIGNED/RAM  valid page (level 3) or block (level 1, 2) descriptor, NS = 0
 *   ASSIGNED_NS   the same with NS (bit 55) = 1 and the host's attributes
 *   all others    bit 0 = 0; HIPAS in bits 3:2, RIPAS in bits 5:4 (the values of
 *                 enum hipas and RMI_RIPAS_*), PA in 47:12 when ASSIGNED.
 *   An all-zero entry is UNASSIGNED/EMPTY.
 *
 * Invariants:
 * - Only ASSIGNED/RAM and ASSIGNED_NS entries translate.
 * - Entries of the unprotected half have no RIPAS (it reads as EMPTY) and are
 *   UNASSIGNED_NS, ASSIGNED_NS or TABLE; those of the protected half are
 *   UNASSIGNED, ASSIGNED or TABLE.
 * - After a change of a valid entry or a TABLE, no TLB of any PE holds the old
 *   translation when the function returns.
 * - All functions need the RMM lock.
 */
#ifndef RMM_RTT_H
#define RMM_RTT_H

#include <stdbool.h>
#include <stdint.h>

#include "realm.h"

#define RTT_LEVEL_PAGE 3
#define RTT_LEVEL_BLOCK_MIN 1
#define RTT_ENTRIES 512

enum hipas {
	HIPAS_UNASSIGNED = 0,
	HIPAS_ASSIGNED = 1,
	HIPAS_UNASSIGNED_NS = 2,
	HIPAS_ASSIGNED_NS = 3,
	HIPAS_TABLE = 4,
};

enum ripas {
	RIPAS_EMPTY = RMI_RIPAS_EMPTY,
	RIPAS_RAM = RMI_RIPAS_RAM,
	RIPAS_DESTROYED = RMI_RIPAS_DESTROYED,
};

/* A decoded entry. */
struct rtte {
	enum hipas hipas;
	enum ripas ripas;
	uint64_t pa;   /* ASSIGNED, ASSIGNED_NS: page or block base; TABLE: the table */
	uint64_t attr; /* ASSIGNED_NS: the host's MemAttr and S2AP bits */
};

struct rtt_walk {
	int level;       /* where the walk ended */
	enum hipas hipas;
	enum ripas ripas;
	uint64_t pa;     /* as in struct rtte: add (ipa - base) for a byte of a block */
	uint64_t base;   /* IPA range of the entry */
	uint64_t size;
	uint64_t *entry;
};

/* Bytes of IPA space that one entry at this level maps. */
static inline uint64_t rtt_entry_size(int level)
{
	return 1UL << (12 + 9 * (RTT_LEVEL_PAGE - level));
}

uint64_t rtte_encode(int level, const struct rtte *rtte);
struct rtte rtte_decode(int level, uint64_t value);

/* True if the entry holds a PA: it stops the scan of rtt_next_live. */
static inline bool rtte_is_live(const struct rtte *rtte)
{
	return rtte->hipas == HIPAS_ASSIGNED || rtte->hipas == HIPAS_ASSIGNED_NS ||
	       rtte->hipas == HIPAS_TABLE;
}

/*
 * Replaces an entry (break before make) and invalidates the TLBs if the old one
 * was a TABLE or translated; ipa lies in the entry's range.
 */
void rtt_replace(const struct rd *rd, const struct rtt_walk *walk, uint64_t ipa,
		 const struct rtte *rtte);

/*
 * Writes without break before make or invalidation: for tables that no walker has seen
 * yet, and for callers that invalidate themselves; a DSB must follow before a walk.
 */
void rtt_write(uint64_t *entry, uint64_t value);

/* Steps to the next entry of the table; false behind its last one (base is its end then). */
bool rtt_next_entry(struct rtt_walk *walk);

/* Drops every translation of the Realm from all TLBs. */
void rtt_invalidate_realm(const struct rd *rd);

/*
 * ipa if the entry where the walk ended is live, else the IPA of the next live entry
 * of that table, else the end of the table.
 */
uint64_t rtt_next_live(const struct rtt_walk *walk, uint64_t ipa);

/* True if the 512 entries hold a TABLE or a protected ASSIGNED entry. */
bool rtt_table_is_live(const uint64_t *table, int level);

/*
 * Walks towards `level` and ends there or at the first entry that is not a
 * TABLE. Needs ipa < rd_ipa_size(rd) and level >= rd->start_level.
 */
void rtt_walk(const struct rd *rd, uint64_t ipa, int level, struct rtt_walk *out);

/*
 * RIPAS of the entry at base, in *ripas; returns the end of the run of entries
 * with the same RIPAS, at most top and within the table walked.
 * Needs base < top <= rd_protected_size(rd).
 */
uint64_t rtt_ripas_run(const struct rd *rd, uint64_t base, uint64_t top,
		       enum ripas *ripas);

#endif
