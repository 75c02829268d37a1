/* SPDX-License-Identifier: BSD-3-Clause */
/* RMI_DATA_CREATE, RMI_DATA_CREATE_UNKNOWN and RMI_DATA_DESTROY. */
#include "measurement.h"
#include "nsmem.h"
#include "rtt.h"
#include "smc.h"

/*
 * The conditions on ipa and its entry that both create commands share. data_bound2
 * cannot fail: granules are tracked below 2^48 only.
 */
static bool walk_to_unassigned(const struct rd *rd, uint64_t ipa, struct rtt_walk *walk,
			       struct smc_result *out)
{
	if (!rd_ipa_is_protected(rd, ipa) || !granule_aligned(ipa)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return false;
	}
	rtt_walk(rd, ipa, RTT_LEVEL_PAGE, walk);
	if (walk->level != RTT_LEVEL_PAGE || walk->hipas != HIPAS_UNASSIGNED) {
		rmi_fail_rtt(out, walk->level);
		return false;
	}
	return true;
}

/* ripas: of the new mapping. */
static void assign(const struct rd *rd, const struct rtt_walk *walk, uint64_t data,
		   enum ripas ripas)
{
	struct rtte entry = { .hipas = HIPAS_ASSIGNED, .ripas = ripas, .pa = data };

	granule_set_state(data, GRANULE_DATA);
	rtt_replace(rd, walk, walk->base, &entry);
}

/* src_pas: the host cannot change the PAS later in the call, so one word tells. */
static bool source_ok(uint64_t src)
{
	uint64_t word;

	return ns_page_ok(src) && ns_read(&word, src, sizeof(word));
}

void rmi_data_create(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	struct rd *rd = granule_find(x[1], GRANULE_RD);
	void *data = granule_find(x[2], GRANULE_DELEGATED);
	uint64_t ipa = x[3];
	uint64_t flags = x[5];
	struct rtt_walk walk;

	if ((flags & ~(uint64_t)RMI_DATA_FLAGS_MEASURE_CONTENT_MASK) != 0 || !source_ok(x[4]) ||
	    data == NULL || rd == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	if (rd->state != REALM_NEW) {
		rmi_fail(out, RMI_ERROR_REALM);
		return;
	}
	if (!walk_to_unassigned(rd, ipa, &walk, out))
		return;
	if (!ns_read(data, x[4], GRANULE_SIZE)) {
		granule_wipe(x[2]);
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	granule_make_fetchable(x[2]);
	measurement_data_create(rd, ipa, flags,
				(flags & RMI_DATA_FLAGS_MEASURE_CONTENT_MASK) != 0 ? data : NULL);
	assign(rd, &walk, x[2], RIPAS_RAM);
}

void rmi_data_create_unknown(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rtt_walk walk;

	if (granule_find(x[2], GRANULE_DELEGATED) == NULL || rd == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	if (walk_to_unassigned(rd, x[3], &walk, out))
		assign(rd, &walk, x[2], walk.ripas);
}

void rmi_data_destroy(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rtte entry = { .hipas = HIPAS_UNASSIGNED, .ripas = RIPAS_DESTROYED };
	struct rtt_walk walk;
	uint64_t ipa = x[2];

	if (rd == NULL || !rd_ipa_is_protected(rd, ipa) || !granule_aligned(ipa)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	rtt_walk(rd, ipa, RTT_LEVEL_PAGE, &walk);
	if (walk.level != RTT_LEVEL_PAGE || walk.hipas != HIPAS_ASSIGNED) {
		rmi_fail_rtt(out, walk.level);
		out->x[2] = rtt_next_live(&walk, ipa);
		return;
	}
	if (walk.ripas == RIPAS_EMPTY)
		entry.ripas = RIPAS_EMPTY;
	rtt_replace(rd, &walk, ipa, &entry);
	granule_release(walk.pa);
	out->x[1] = walk.pa;
	out->x[2] = rtt_next_live(&walk, ipa);
}
