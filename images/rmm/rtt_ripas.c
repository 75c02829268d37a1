/* SPDX-License-Identifier: BSD-3-Clause */
/* RMI_RTT_INIT_RIPAS and RMI_RTT_SET_RIPAS. */
#include <sysreg.h>

#include "measurement.h"
#include "rec.h"
#include "rtt.h"
#include "smc.h"

static bool can_init(enum hipas hipas, enum ripas ripas)
{
	return hipas == HIPAS_UNASSIGNED && ripas != RIPAS_DESTROYED;
}

void rmi_rtt_init_ripas(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	static const struct rtte ram = { .hipas = HIPAS_UNASSIGNED, .ripas = RIPAS_RAM };
	struct rd *rd = granule_find(x[1], GRANULE_RD);
	uint64_t base = x[2];
	uint64_t top = x[3];
	struct rtt_walk walk;

	if (top <= base || rd == NULL || !granule_aligned(base | top) ||
	    top > rd_protected_size(rd)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	if (rd->state != REALM_NEW) {
		rmi_fail(out, RMI_ERROR_REALM);
		return;
	}
	rtt_walk(rd, base, RTT_LEVEL_PAGE, &walk);
	if (base != walk.base || !can_init(walk.hipas, walk.ripas) || top - base < walk.size) {
		rmi_fail_rtt(out, walk.level);
		return;
	}
	do {
		rtt_replace(rd, &walk, walk.base, &ram);
		measurement_init_ripas(rd, walk.base, walk.base + walk.size);
	} while (rtt_next_entry(&walk) && can_init(walk.hipas, walk.ripas) &&
		 top - walk.base >= walk.size);
	out->x[1] = walk.base;
}

/* True if the REC's request may change this entry, also if it has that RIPAS already. */
static bool can_set(const struct rtt_walk *walk, const struct rec_ripas *request)
{
	return walk->hipas != HIPAS_TABLE &&
	       (walk->ripas != RIPAS_DESTROYED || request->change_destroyed);
}

/* Applies the request from base on; returns the first address not processed. */
static uint64_t set_ripas(const struct rd *rd, struct rtt_walk *walk, uint64_t top,
			  const struct rec_ripas *request)
{
	bool translation_lost = false;

	do {
		struct rtte rtte = {
			.hipas = walk->hipas,
			.ripas = (enum ripas)request->value,
			.pa = walk->pa,
		};

		if (!can_set(walk, request) || top - walk->base < walk->size)
			break;
		if (walk->ripas != rtte.ripas) {
			translation_lost |= walk->hipas == HIPAS_ASSIGNED &&
					    walk->ripas == RIPAS_RAM;
			rtt_write(walk->entry, rtte_encode(walk->level, &rtte));
		}
	} while (rtt_next_entry(walk));
	/* Mappings only appear or vanish: one invalidation at the end is enough. */
	if (translation_lost)
		rtt_invalidate_realm(rd);
	else
		dsb(ishst);
	return walk->base;
}

void rmi_rtt_set_ripas(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	const struct rd *rd = granule_find(x[1], GRANULE_RD);
	struct rec *rec = granule_find(x[2], GRANULE_REC);
	uint64_t base = x[3];
	uint64_t top = x[4];
	struct rtt_walk walk;

	if (top <= base || rd == NULL || rec == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	if (rec->state == REC_RUNNING || rec->rd != x[1]) {
		rmi_fail(out, RMI_ERROR_REC);
		return;
	}
	if (base != rec->ripas.addr || top > rec->ripas.top || !granule_aligned(top)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	rtt_walk(rd, base, RTT_LEVEL_PAGE, &walk);
	if (base != walk.base || top - base < walk.size) {
		rmi_fail_rtt(out, walk.level);
		return;
	}
	rec->ripas.addr = set_ripas(rd, &walk, top, &rec->ripas);
	out->x[1] = rec->ripas.addr;
}
