/* SPDX-License-Identifier: BSD-3-Clause */
/* RMI_RTT_CREATE, RMI_RTT_DESTROY and RMI_RTT_FOLD: commands on whole tables. */
#include "rtt.h"
#include "smc.h"

/* level_bound, ipa_align, ipa_bound of a table at `level`, whose entry is at level - 1. */
static bool table_arguments_ok(const struct rd *rd, uint64_t ipa, int64_t level)
{
	return level > rd->start_level && level <= RTT_LEVEL_PAGE &&
	       ipa % rtt_entry_size((int)level - 1) == 0 && ipa < rd_ipa_size(rd);
}

static bool is_assigned(enum hipas hipas)
{
	return hipas == HIPAS_ASSIGNED || hipas == HIPAS_ASSIGNED_NS;
}

/* Fills a table that stands for one leaf entry: 512 entries, PAs in sequence. */
static void unfold(uint64_t *table, int level, const struct rtte *leaf)
{
	struct rtte child = *leaf;

	for (unsigned int n = 0; n < RTT_ENTRIES; n++) {
		rtt_write(&table[n], rtte_encode(level, &child));
		if (is_assigned(leaf->hipas))
			child.pa += rtt_entry_size(level);
	}
}

void rmi_rtt_create(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t *table = granule_find(x[2], GRANULE_DELEGATED);
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rtt_walk walk;
	struct rtte leaf;
	struct rtte entry = { .hipas = HIPAS_TABLE, .pa = x[2] };
	int level;

	/* rtt_bound2 cannot fail: granules are tracked below 2^48 only. */
	if (table == NULL || rd == NULL || !table_arguments_ok(rd, x[3], (int64_t)x[4])) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	level = (int)x[4];
	rtt_walk(rd, x[3], level - 1, &walk);
	if (walk.level != level - 1 || walk.hipas == HIPAS_TABLE) {
		rmi_fail_rtt(out, walk.level);
		return;
	}
	leaf = rtte_decode(walk.level, *walk.entry);
	unfold(table, level, &leaf);
	granule_set_state(x[2], GRANULE_RTT);
	rtt_replace(rd, &walk, x[3], &entry);
}

void rmi_rtt_destroy(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rtte entry = { .hipas = HIPAS_UNASSIGNED_NS };
	struct rtt_walk walk;
	uint64_t ipa = x[2];
	int level;

	if (rd == NULL || !table_arguments_ok(rd, ipa, (int64_t)x[3])) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	level = (int)x[3];
	rtt_walk(rd, ipa, level - 1, &walk);
	if (walk.level != level - 1 || walk.hipas != HIPAS_TABLE) {
		rmi_fail_rtt(out, walk.level);
		out->x[2] = rtt_next_live(&walk, ipa);
		return;
	}
	if (rtt_table_is_live((const uint64_t *)walk.pa, level)) {
		rmi_fail_rtt(out, level);
		out->x[2] = ipa;
		return;
	}
	if (rd_ipa_is_protected(rd, ipa))
		entry = (struct rtte){ .hipas = HIPAS_UNASSIGNED, .ripas = RIPAS_DESTROYED };
	rtt_replace(rd, &walk, ipa, &entry);
	granule_release(walk.pa);
	out->x[1] = walk.pa;
	out->x[2] = rtt_next_live(&walk, ipa);
}

/* True if the table stands for one leaf of its parent; then *leaf is that leaf. */
static bool fold(const uint64_t *table, int level, struct rtte *leaf)
{
	*leaf = rtte_decode(level, table[0]);
	if (leaf->hipas == HIPAS_TABLE ||
	    (is_assigned(leaf->hipas) && leaf->pa % rtt_entry_size(level - 1) != 0))
		return false;
	for (unsigned int n = 1; n < RTT_ENTRIES; n++) {
		struct rtte expected = *leaf;

		if (is_assigned(leaf->hipas))
			expected.pa += n * rtt_entry_size(level);
		if (table[n] != rtte_encode(level, &expected))
			return false;
	}
	return true;
}

void rmi_rtt_fold(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rtt_walk walk;
	struct rtte leaf;
	int level;

	if (rd == NULL || !table_arguments_ok(rd, x[2], (int64_t)x[3])) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	level = (int)x[3];
	rtt_walk(rd, x[2], level - 1, &walk);
	if (walk.level != level - 1 || walk.hipas != HIPAS_TABLE) {
		rmi_fail_rtt(out, walk.level);
		return;
	}
	if (!fold((const uint64_t *)walk.pa, level, &leaf)) {
		rmi_fail_rtt(out, level);
		return;
	}
	/* block_level: there are no blocks at level 0. */
	if (is_assigned(leaf.hipas) && walk.level < RTT_LEVEL_BLOCK_MIN) {
		rmi_fail_rtt(out, walk.level);
		return;
	}
	rtt_replace(rd, &walk, x[2], &leaf);
	granule_release(walk.pa);
	out->x[1] = walk.pa;
}
