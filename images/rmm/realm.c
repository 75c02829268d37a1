/* SPDX-License-Identifier: BSD-3-Clause */
#include "realm.h"

#include <mem.h>
#include <sysreg.h>

#include "feature.h"
#include "measurement.h"
#include "nsmem.h"
#include "rtt.h"
#include "smc.h"
#include "vmid.h"

#define ROOT_COUNT_MAX 16
#define LEVEL_BITS 9
#define VMID_SHIFT 48

#define VTCR_RES1 (1UL << 31)
#define VTCR_VS (1UL << 19) /* 16-bit VMID */
#define VTCR_PS_SHIFT 16
#define VTCR_SH_INNER (3UL << 12)
#define VTCR_WALK_WB ((1UL << 10) | (1UL << 8))
#define VTCR_SL0_SHIFT 6

uint64_t rd_vttbr(const struct rd *rd)
{
	return ((uint64_t)rd->vmid << VMID_SHIFT) | rd->root_base;
}

uint64_t rd_vtcr(const struct rd *rd)
{
	/* With the 4 KiB granule SL0 counts levels up from 2. */
	uint64_t sl0 = (uint64_t)(2 - rd->start_level);

	return VTCR_RES1 | VTCR_VS | ((uint64_t)feature_pa_range() << VTCR_PS_SHIFT) |
	       VTCR_SH_INNER | VTCR_WALK_WB | (sl0 << VTCR_SL0_SHIFT) | (64UL - rd->ipa_width);
}

/* Bits that one table at the start level resolves, with all levels below it. */
static unsigned int start_table_bits(const struct rmi_realm_params *params)
{
	return LEVEL_BITS * (unsigned int)(4 - params->rtt_level_start) + GRANULE_SHIFT;
}

/* rtt_num_level: both root values follow from s2sz; at most 16 tables are concatenated. */
static bool root_shape_is_valid(const struct rmi_realm_params *params)
{
	unsigned int bits;
	uint32_t count;

	if (params->rtt_level_start < 0 || params->rtt_level_start > RTT_LEVEL_PAGE)
		return false;
	bits = start_table_bits(params);
	/* A start table that resolves no bit of the IPA is one level too high. */
	if (params->s2sz <= bits - LEVEL_BITS || params->s2sz > bits + 4)
		return false;
	count = params->s2sz <= bits ? 1 : 1U << (params->s2sz - bits);
	return params->rtt_num_start == count;
}

static bool params_are_valid(const struct rmi_realm_params *params)
{
	return (params->hash_algo == RMI_HASH_ALGORITHM_SHA_256 ||
		params->hash_algo == RMI_HASH_ALGORITHM_SHA_512) &&
	       params->s2sz >= FEATURE_S2SZ_MIN && params->num_bps != 0 && params->num_wps != 0;
}

static uint64_t offered(uint64_t mask, unsigned int shift)
{
	return (feature_register0() & mask) >> shift;
}

/* LPA2, SVE and PMU are not offered, so sve_vl and pmu_num_ctrs have no meaning. */
static bool params_are_supported(const struct rmi_realm_params *params)
{
	uint64_t flags = RMI_REALM_FLAGS_LPA2_MASK | RMI_REALM_FLAGS_SVE_MASK |
			 RMI_REALM_FLAGS_PMU_MASK;

	return (params->flags & flags) == 0 && params->s2sz <= feature_pa_bits() &&
	       params->num_bps <= offered(RMI_FEATURE_REGISTER0_NUM_BPS_MASK,
					  RMI_FEATURE_REGISTER0_NUM_BPS_SHIFT) &&
	       params->num_wps <= offered(RMI_FEATURE_REGISTER0_NUM_WPS_MASK,
					  RMI_FEATURE_REGISTER0_NUM_WPS_SHIFT);
}

/* alias, rtt_align, rtt_num_level, rtt_state */
static bool root_is_valid(uint64_t rd, const struct rmi_realm_params *params)
{
	uint64_t base = params->rtt_base;
	uint64_t size_bytes;

	if (!root_shape_is_valid(params))
		return false;
	size_bytes = params->rtt_num_start * GRANULE_SIZE;
	if (base % size_bytes != 0 || rd - base < size_bytes)
		return false;
	for (uint64_t n = 0; n < params->rtt_num_start; n++)
		if (granule_find(base + n * GRANULE_SIZE, GRANULE_DELEGATED) == NULL)
			return false;
	return true;
}

static void root_init(const struct rd *rd)
{
	static const struct rtte unassigned_ns = { .hipas = HIPAS_UNASSIGNED_NS };
	uint64_t *root = (uint64_t *)rd->root_base;
	uint64_t entry_size = rtt_entry_size(rd->start_level);

	/* Wiped entries are UNASSIGNED/EMPTY: right for the protected half. */
	for (uint64_t n = 0; n < rd->root_count; n++)
		granule_set_state(rd->root_base + n * GRANULE_SIZE, GRANULE_RTT);
	for (uint64_t n = rd_protected_size(rd) / entry_size; n < rd_ipa_size(rd) / entry_size; n++)
		rtt_write(&root[n], rtte_encode(rd->start_level, &unassigned_ns));
	dsb(ishst);
}

void rmi_realm_create(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	struct rmi_realm_params params;
	struct rd *rd = (struct rd *)x[1];

	/* Every failure is RMI_ERROR_INPUT. */
	if (!ns_page_ok(x[2]) || !ns_read(&params, x[2], sizeof(params)) ||
	    !params_are_valid(&params) || !params_are_supported(&params) ||
	    !vmid_available(params.vmid) || !root_is_valid(x[1], &params) ||
	    granule_find(x[1], GRANULE_DELEGATED) == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	*rd = (struct rd){
		.state = REALM_NEW,
		.vmid = params.vmid,
		.ipa_width = params.s2sz,
		.hash_algo = params.hash_algo,
		.start_level = (int32_t)params.rtt_level_start,
		.root_count = params.rtt_num_start,
		.root_base = params.rtt_base,
		.num_bps = params.num_bps,
		.num_wps = params.num_wps,
	};
	memcpy(rd->rpv, params.rpv, sizeof(rd->rpv));
	measurement_realm_create(rd, &params);
	vmid_reserve(params.vmid);
	granule_set_state(x[1], GRANULE_RD);
	root_init(rd);
}

void rmi_realm_activate(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	struct rd *rd = granule_find(x[1], GRANULE_RD);

	if (rd == NULL)
		rmi_fail(out, RMI_ERROR_INPUT);
	else if (rd->state != REALM_NEW)
		rmi_fail(out, RMI_ERROR_REALM);
	else
		rd->state = REALM_ACTIVE;
}

static bool realm_is_live(const struct rd *rd)
{
	const uint64_t *root = (const uint64_t *)rd->root_base;

	if (rd->rec_count != 0)
		return true;
	for (uint64_t n = 0; n < rd->root_count; n++)
		if (rtt_table_is_live(root + n * RTT_ENTRIES, rd->start_level))
			return true;
	return false;
}

void rmi_realm_destroy(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	struct rd *rd = granule_find(x[1], GRANULE_RD);

	if (rd == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	if (realm_is_live(rd)) {
		rmi_fail(out, RMI_ERROR_REALM);
		return;
	}
	rtt_invalidate_realm(rd);
	vmid_free(rd->vmid);
	for (uint64_t n = 0; n < rd->root_count; n++)
		granule_release(rd->root_base + n * GRANULE_SIZE);
	granule_release(x[1]);
}
