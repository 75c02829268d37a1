/* SPDX-License-Identifier: BSD-3-Clause */
/* RMI_REC_CREATE, RMI_REC_DESTROY, RMI_REC_AUX_COUNT. */
#include "rec.h"

#include <mem.h>

#include "context.h"
#include "feature.h"
#include "granule.h"
#include "measurement.h"
#include "nsmem.h"
#include "smc.h"

#define AFF0_MAX 16U
#define PARAMS_AUX_MAX 16U

bool rec_mpidr_index(uint64_t mpidr, uint64_t *index)
{
	if ((mpidr & (RMI_REC_MPIDR_MBZ_MASK | RMI_REC_MPIDR_MBZ2_MASK)) != 0)
		return false;
	*index = (mpidr & RMI_REC_MPIDR_AFF0_MASK) +
		 ((mpidr >> RMI_REC_MPIDR_AFF1_SHIFT) * AFF0_MAX);
	return true;
}

uint64_t rec_mpidr_to_affinity(uint64_t mpidr)
{
	return (mpidr & ~(uint64_t)RMI_REC_MPIDR_AFF3_MASK) |
	       ((mpidr & RMI_REC_MPIDR_AFF3_MASK) << 8);
}

bool rec_mpidr_from_affinity(uint64_t affinity, uint64_t *mpidr)
{
	if ((affinity & ~0xFF00FFFFFFUL) != 0)
		return false;
	*mpidr = (affinity & 0xFFFFFF) | (affinity >> 32 << RMI_REC_MPIDR_AFF3_SHIFT);
	return true;
}

void rec_reset(struct rec *rec, uint64_t pc)
{
	memset(rec->gprs, 0, sizeof(rec->gprs));
	rec->pc = pc;
	rec->pstate = REALM_PSTATE_RESET;
	memset(&rec->gic, 0, sizeof(rec->gic));
	memset(&rec->cntv, 0, sizeof(rec->cntv));
	memset(&rec->cntp, 0, sizeof(rec->cntp));
	context_reset(rec);
}

/* The params' aux list consists of distinct DELEGATED granules other than the REC's. */
static bool aux_list_ok(const struct rmi_rec_params *params, uint64_t rec_pa)
{
	for (uint64_t i = 0; i < params->num_aux; i++) {
		if (granule_find(params->aux[i], GRANULE_DELEGATED) == NULL ||
		    params->aux[i] == rec_pa)
			return false;
		for (uint64_t j = 0; j < i; j++) {
			if (params->aux[j] == params->aux[i])
				return false;
		}
	}
	return true;
}

static uint64_t rec_create_status(const struct rd *rd, const struct rmi_rec_params *params)
{
	uint64_t index;

	if (rd->rec_index >= 1UL << FEATURE_MAX_RECS_ORDER) /* rec_limit */
		return RMI_ERROR_REALM;
	if (rd->state != REALM_NEW) /* realm_state */
		return RMI_ERROR_REALM;
	if (!rec_mpidr_index(params->mpidr, &index) || index != rd->rec_index) /* mpidr_index */
		return RMI_ERROR_INPUT;
	if (params->num_aux != REC_AUX_COUNT) /* num_aux */
		return RMI_ERROR_INPUT;
	return RMI_SUCCESS;
}

static void rec_init(struct rec *rec, uint64_t rd_pa, const struct rmi_rec_params *params)
{
	memset(rec, 0, sizeof(*rec));
	rec->state = REC_READY;
	rec->runnable = (params->flags & RMI_REC_CREATE_FLAGS_RUNNABLE_MASK) != 0;
	rec->rd = rd_pa;
	rec->mpidr = params->mpidr;
	memcpy(rec->aux, params->aux, sizeof(rec->aux));
	rec_reset(rec, params->pc);
	memcpy(rec->gprs, params->gprs, sizeof(params->gprs));
}

void rmi_rec_create(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t rd_pa = x[1], rec_pa = x[2], params_pa = x[3];
	/*
	 * The measurement covers the whole page, and the host could change it meanwhile: work on a
	 * copy.
	 */
	struct rmi_rec_params params __attribute__((aligned(8)));
	struct rec *rec;
	struct rd *rd;
	uint64_t status;

	if (!ns_page_ok(params_pa) || !ns_read(&params, params_pa, sizeof(params)) ||
	    params.num_aux > PARAMS_AUX_MAX || !aux_list_ok(&params, rec_pa)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	rec = granule_find(rec_pa, GRANULE_DELEGATED);
	rd = granule_find(rd_pa, GRANULE_RD);
	if (rec == NULL || rd == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	status = rec_create_status(rd, &params);
	if (status != RMI_SUCCESS) {
		rmi_fail(out, status);
		return;
	}

	granule_set_state(rec_pa, GRANULE_REC);
	for (unsigned int i = 0; i < REC_AUX_COUNT; i++)
		granule_set_state(params.aux[i], GRANULE_REC_AUX);
	rec_init(rec, rd_pa, &params);
	rd->rec_count++;
	rd->rec_index++;
	measurement_rec_create(rd, &params);
}

void rmi_rec_destroy(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t rec_pa = x[1];
	struct rec *rec = granule_find(rec_pa, GRANULE_REC);
	uint64_t aux[REC_AUX_COUNT];

	if (rec == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	if (rec->state == REC_RUNNING) {
		rmi_fail(out, RMI_ERROR_REC);
		return;
	}
	((struct rd *)rec->rd)->rec_count--;
	memcpy(aux, rec->aux, sizeof(aux));
	for (unsigned int i = 0; i < REC_AUX_COUNT; i++)
		granule_release(aux[i]);
	granule_release(rec_pa);
}

void rmi_rec_aux_count(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	if (granule_find(x[1], GRANULE_RD) == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	out->x[1] = REC_AUX_COUNT;
}
