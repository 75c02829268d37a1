/* SPDX-License-Identifier: BSD-3-Clause */
/* RMI_RTT_MAP_UNPROTECTED, RMI_RTT_UNMAP_UNPROTECTED and RMI_RTT_READ_ENTRY. */
#include "feature.h"
#include "rtt.h"
#include "smc.h"

#define HOST_ATTR_MASK (UNPROTECTED_DESC_MEMATTR_MASK | UNPROTECTED_DESC_S2AP_MASK)
#define MEMATTR_RESERVED (4UL << UNPROTECTED_DESC_MEMATTR_SHIFT)

/* level_bound, ipa_align, ipa_bound; a level above the root tables maps nothing, either. */
static bool unprotected_arguments_ok(const struct rd *rd, uint64_t ipa, int64_t level)
{
	return level >= RTT_LEVEL_BLOCK_MIN && level >= rd->start_level &&
	       level <= RTT_LEVEL_PAGE && ipa % rtt_entry_size((int)level) == 0 &&
	       !rd_ipa_is_protected(rd, ipa) && ipa < rd_ipa_size(rd);
}

/* attr_valid, addr_align, addr_bound */
static bool host_desc_ok(uint64_t desc, int level)
{
	uint64_t oa = desc & UNPROTECTED_DESC_OA_MASK;

	return (desc & ~(UNPROTECTED_DESC_OA_MASK | HOST_ATTR_MASK)) == 0 &&
	       (desc & UNPROTECTED_DESC_MEMATTR_MASK) != MEMATTR_RESERVED &&
	       oa % rtt_entry_size(level) == 0 && oa >> feature_pa_bits() == 0;
}

void rmi_rtt_map_unprotected(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	uint64_t desc = x[4];
	struct rtt_walk walk;
	struct rtte entry = {
		.hipas = HIPAS_ASSIGNED_NS,
		.pa = desc & UNPROTECTED_DESC_OA_MASK,
		.attr = desc & HOST_ATTR_MASK,
	};

	/* The descriptor comes after the level here, which its alignment needs; all are INPUT. */
	if (rd == NULL || !unprotected_arguments_ok(rd, x[2], (int64_t)x[3]) ||
	    !host_desc_ok(desc, (int)x[3])) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	rtt_walk(rd, x[2], (int)x[3], &walk);
	if (walk.level != (int)x[3] || walk.hipas != HIPAS_UNASSIGNED_NS) {
		rmi_fail_rtt(out, walk.level);
		return;
	}
	rtt_replace(rd, &walk, x[2], &entry);
}

void rmi_rtt_unmap_unprotected(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	static const struct rtte unassigned_ns = { .hipas = HIPAS_UNASSIGNED_NS };
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rtt_walk walk;

	if (rd == NULL || !unprotected_arguments_ok(rd, x[2], (int64_t)x[3])) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	rtt_walk(rd, x[2], (int)x[3], &walk);
	if (walk.level != (int)x[3] || walk.hipas != HIPAS_ASSIGNED_NS)
		rmi_fail_rtt(out, walk.level);
	else
		rtt_replace(rd, &walk, x[2], &unassigned_ns);
	out->x[1] = rtt_next_live(&walk, x[2]);
}

static uint64_t entry_state(enum hipas hipas)
{
	switch (hipas) {
	case HIPAS_ASSIGNED:
	case HIPAS_ASSIGNED_NS:
		return RMI_RTT_ENTRY_STATE_ASSIGNED;
	case HIPAS_TABLE:
		return RMI_RTT_ENTRY_STATE_TABLE;
	default:
		return RMI_RTT_ENTRY_STATE_UNASSIGNED;
	}
}

/* What the host may see. The table's rel0 behaviour: ASSIGNED/DESTROYED shows 0, not the PA. */
static uint64_t entry_desc(const struct rtte *rtte)
{
	if (rtte->hipas == HIPAS_ASSIGNED && rtte->ripas == RIPAS_DESTROYED)
		return 0;
	return rtte->pa | rtte->attr;
}

void rmi_rtt_read_entry(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	int64_t level = (int64_t)x[3];
	struct rtt_walk walk;
	struct rtte rtte;

	if (rd == NULL || level < rd->start_level || level > RTT_LEVEL_PAGE ||
	    x[2] % rtt_entry_size((int)level) != 0 || x[2] >= rd_ipa_size(rd)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	rtt_walk(rd, x[2], (int)level, &walk);
	rtte = rtte_decode(walk.level, *walk.entry);
	out->x[1] = (uint64_t)walk.level;
	out->x[2] = entry_state(rtte.hipas);
	out->x[3] = entry_desc(&rtte);
	out->x[4] = rtte.ripas;
}
