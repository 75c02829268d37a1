// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Takes back what a closed file has left: RECs, contents, tables, realms, then every granule.
 *
 * Each step is a call that is followed like those of user space, so that the books tell at the end what
 * the RMM still has. What it does not give back is never used again.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "rmi.h"

static u32 issue(struct rmi_owner *owner, u64 *result, u64 fid, u64 x1, u64 x2, u64 x3, u64 x4)
{
	struct rmi_plan plan = { .x = { fid, x1, x2, x3, x4 } };

	memcpy(result, plan.x, sizeof(plan.x));
	rmi_smc(result);
	rmi_book(owner, &plan, result);
	cond_resched();
	return rmi_status(result[0]);
}

static bool succeeds(struct rmi_owner *owner, u64 fid, u64 x1, u64 x2, u64 x3)
{
	u64 result[8];

	return issue(owner, result, fid, x1, x2, x3, 0) == RMI_SUCCESS;
}

static struct rmi_granule *find_in_state(struct rmi_owner *owner, enum rmi_state state)
{
	struct rmi_granule *granule;
	unsigned long pfn;

	xa_for_each(&owner->granules, pfn, granule)
		if (granule->state == state)
			return granule;
	return NULL;
}

/* A delegated granule that nothing uses, for a table; NULL if there is none to be had. */
static struct rmi_granule *spare(struct rmi_owner *owner)
{
	struct rmi_device_memory memory = { .count = 1 };
	struct rmi_granule *granule = find_in_state(owner, RMI_DELEGATED);

	if (granule)
		return granule;
	granule = find_in_state(owner, RMI_NORMAL);
	if (!granule && !rmi_alloc(owner, &memory))
		granule = rmi_find(owner, memory.pa);
	if (granule && succeeds(owner, FID_RMI_GRANULE_DELEGATE, granule->pa, 0, 0))
		return granule;
	return NULL;
}

/* A page may be part of a block, which has to be split first, at each level from the walk's last on. */
static void destroy_data(struct rmi_owner *owner, struct rmi_granule *data)
{
	u64 rd = data->parent, ipa = data->at, result[8];

	while (issue(owner, result, FID_RMI_DATA_DESTROY, rd, ipa, 0, 0) == RMI_ERROR_RTT) {
		u64 level = (result[0] & RMI_COMMAND_RETURN_CODE_INDEX_MASK) >> RMI_COMMAND_RETURN_CODE_INDEX_SHIFT;
		struct rmi_granule *table;
		u64 base;

		if (level >= 3)
			return;
		table = spare(owner);
		base = ipa & ~(rmi_entry_bytes(level) - 1);
		if (!table || issue(owner, result, FID_RMI_RTT_CREATE, rd, table->pa, base, level + 1))
			return;
	}
}

/* Unmap whatever of the normal world's memory the entries of a table map. */
static void unmap_entries(struct rmi_owner *owner, u64 rd, u64 base, u64 entries, int level)
{
	u64 bytes = rmi_entry_bytes(level), at = base, end = base + entries * bytes;

	while (at < end) {
		u64 result[8];
		u64 next = at + bytes;

		/* A refusal for another reason than an empty entry says no address. */
		issue(owner, result, FID_RMI_RTT_UNMAP_UNPROTECTED, rd, at, level, 0);
		if (result[1] > next && IS_ALIGNED(result[1], bytes))
			next = result[1];
		at = next;
	}
}

static void destroy_table(struct rmi_owner *owner, struct rmi_granule *table)
{
	u64 rd = table->parent, at = table->at;
	int level = table->level;

	if (succeeds(owner, FID_RMI_RTT_DESTROY, rd, at, level))
		return;
	unmap_entries(owner, rd, at, 512, level);
	succeeds(owner, FID_RMI_RTT_DESTROY, rd, at, level);
}

static void destroy_realm(struct rmi_owner *owner, struct rmi_granule *realm)
{
	u64 rd = realm->pa, half;

	if (succeeds(owner, FID_RMI_REALM_DESTROY, rd, 0, 0))
		return;
	if (realm->level < 1 || realm->level > 3 || realm->ipa_bits < 13 || realm->ipa_bits > 48)
		return;
	half = 1ULL << (realm->ipa_bits - 1);
	unmap_entries(owner, rd, half, max(half / rmi_entry_bytes(realm->level), 1ULL), realm->level);
	succeeds(owner, FID_RMI_REALM_DESTROY, rd, 0, 0);
}

static void destroy_all(struct rmi_owner *owner, enum rmi_state state, int level)
{
	struct rmi_granule *granule;
	unsigned long pfn;

	xa_for_each(&owner->granules, pfn, granule) {
		if (granule->state != state || (state == RMI_TABLE && granule->level != level))
			continue;
		if (state == RMI_REC)
			succeeds(owner, FID_RMI_REC_DESTROY, granule->pa, 0, 0);
		else if (state == RMI_DATA)
			destroy_data(owner, granule);
		else if (state == RMI_TABLE)
			destroy_table(owner, granule);
		else if (state == RMI_RD)
			destroy_realm(owner, granule);
	}
}

/* Forget a granule that the RMM keeps: its page stays allocated for ever, nobody may touch it. */
static void lose(struct rmi_owner *owner, struct rmi_granule *granule)
{
	xa_erase(&owner->granules, granule->pa >> PAGE_SHIFT);
	rmi_set_state(owner, granule, RMI_NORMAL);
	owner->count--;
	atomic64_dec(&rmi_all_granules);
	atomic64_inc(&rmi_all_lost);
	kfree(granule);
}

void rmi_tear_down(struct rmi_owner *owner)
{
	struct rmi_granule *granule;
	u64 lost = 0, first = 0;
	unsigned long pfn;
	int level;

	destroy_all(owner, RMI_REC, 0);
	destroy_all(owner, RMI_DATA, 0);
	for (level = 3; level >= -1; level--)
		destroy_all(owner, RMI_TABLE, level);
	destroy_all(owner, RMI_RD, 0);
	xa_for_each(&owner->granules, pfn, granule) {
		u64 pa = granule->pa;

		if (granule->state == RMI_NORMAL || succeeds(owner, FID_RMI_GRANULE_UNDELEGATE, pa, 0, 0)) {
			rmi_give_back(owner, granule);
			continue;
		}
		if (!lost++)
			first = pa;
		lose(owner, granule);
	}
	if (lost)
		pr_warn("rmi: the RMM keeps %llu granules, the first at %#llx: they are lost\n", lost, first);
}
