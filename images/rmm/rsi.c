/* SPDX-License-Identifier: BSD-3-Clause */
#include "rsi.h"

#include <mem.h>

#include "esr.h"
#include "measurement.h"
#include "psci.h"
#include "rsi_mem.h"
#include "rtt.h"
#include "step.h"

#define FID_SVE_HINT 0x10000U
#define SMC_UNKNOWN UINT64_MAX
#define SMCCC_VERSION_1_2 0x10002U

#define INDEX_RIM 0U
#define EXTEND_MAX 64U

static enum run_next finish(struct run *run, uint64_t status)
{
	run->rec->gprs[0] = status;
	step_over(run->rec);
	return RUN_RESUME;
}

static enum run_next version(struct run *run)
{
	uint64_t *x = run->rec->gprs;
	uint64_t status = x[1] == RSI_ABI_VERSION ? RSI_SUCCESS : RSI_ERROR_INPUT;

	x[1] = RSI_ABI_VERSION;
	x[2] = RSI_ABI_VERSION;
	return finish(run, status);
}

static enum run_next features(struct run *run)
{
	run->rec->gprs[1] = 0;
	return finish(run, RSI_SUCCESS);
}

static enum run_next measurement_read(struct run *run)
{
	uint64_t *x = run->rec->gprs, index = x[1];

	if (index >= MEASUREMENT_SLOTS) {
		memset(&x[1], 0, MEASUREMENT_SIZE);
		return finish(run, RSI_ERROR_INPUT);
	}
	memcpy(&x[1], run->rd->measurement[index], MEASUREMENT_SIZE);
	return finish(run, RSI_SUCCESS);
}

static enum run_next measurement_extend(struct run *run)
{
	const uint64_t *x = run->rec->gprs;

	if (x[1] == INDEX_RIM || x[1] >= MEASUREMENT_SLOTS || x[2] > EXTEND_MAX)
		return finish(run, RSI_ERROR_INPUT);
	measurement_extend_rem(run->rd, (unsigned int)x[1], &x[3], x[2]);
	return finish(run, RSI_SUCCESS);
}

/* There is no attestation: no token can be made, so none is ever in progress. */
static enum run_next token_init(struct run *run)
{
	run->rec->gprs[1] = 0;
	return finish(run, RSI_ERROR_UNKNOWN);
}

static enum run_next token_continue(struct run *run)
{
	uint64_t *x = run->rec->gprs;
	uint64_t ipa = x[1], offset = x[2], size = x[3];
	void *memory;
	int level;

	x[1] = 0;
	if (!granule_aligned(ipa) || rsi_page_find(run->rd, ipa, &memory, &level) == RSI_PAGE_BAD ||
	    offset >= GRANULE_SIZE || size > GRANULE_SIZE - offset)
		return finish(run, RSI_ERROR_INPUT);
	return finish(run, RSI_ERROR_STATE);
}

/* base < top, aligned, in the protected half. */
static bool range_ok(const struct run *run, uint64_t base, uint64_t top)
{
	return granule_aligned(base) && granule_aligned(top) && base < top &&
	       top <= rd_protected_size(run->rd);
}

static enum run_next ipa_state_set(struct run *run)
{
	struct rec *rec = run->rec;
	uint64_t *x = rec->gprs;
	uint64_t base = x[1], top = x[2], ripas = x[3], flags = x[4];

	if (!range_ok(run, base, top) || (ripas != RSI_RIPAS_EMPTY && ripas != RSI_RIPAS_RAM) ||
	    (flags & ~(uint64_t)RSI_RIPAS_CHANGE_FLAGS_CHANGE_DESTROYED_MASK) != 0) {
		x[1] = 0;
		x[2] = 0;
		return finish(run, RSI_ERROR_INPUT);
	}
	rec->ripas = (struct rec_ripas){
		.addr = base,
		.top = top,
		.value = (uint8_t)ripas,
		.change_destroyed = flags != 0,
	};
	run->exit->exit_reason = RMI_REC_EXIT_REASON_RIPAS_CHANGE;
	run->exit->ripas_base = base;
	run->exit->ripas_top = top;
	run->exit->ripas_value = (uint8_t)ripas;
	step_over(rec);
	return RUN_EXIT;
}

void rsi_complete_ripas(struct run *run)
{
	struct rec *rec = run->rec;
	bool refused = (run->enter->flags & RMI_REC_ENTER_FLAGS_RIPAS_RESPONSE_MASK) != 0;

	if (!rec_ripas_window_is_open(rec))
		return;
	rec->gprs[0] = RSI_SUCCESS;
	rec->gprs[1] = rec->ripas.addr;
	rec->gprs[2] = refused && rec->ripas.value == RMI_RIPAS_RAM &&
				       rec->ripas.addr != rec->ripas.top
			       ? RSI_RESPONSE_REJECT
			       : RSI_RESPONSE_ACCEPT;
	rec->ripas = (struct rec_ripas){0};
}

static enum run_next ipa_state_get(struct run *run)
{
	uint64_t *x = run->rec->gprs;
	enum ripas ripas;

	if (!range_ok(run, x[1], x[2])) {
		x[1] = 0;
		x[2] = 0;
		return finish(run, RSI_ERROR_INPUT);
	}
	x[1] = rtt_ripas_run(run->rd, x[1], x[2], &ripas);
	x[2] = ripas;
	return finish(run, RSI_SUCCESS);
}

static enum run_next standard_call(struct run *run, uint32_t fid)
{
	if (psci_is_known(fid)) {
		step_over(run->rec);
		return psci_call(run, fid);
	}
	return finish(run, fid == FID_SMCCC_VERSION ? SMCCC_VERSION_1_2 : SMC_UNKNOWN);
}

enum run_next rsi_smc(struct run *run)
{
	uint32_t fid = (uint32_t)run->rec->gprs[0] & ~FID_SVE_HINT;

	/* Calls have immediate 0; other immediates are not part of any convention. */
	if ((run->esr & ESR_SMC_IMM_MASK) != 0)
		return finish(run, SMC_UNKNOWN);
	switch (fid) {
	case FID_RSI_VERSION:
		return version(run);
	case FID_RSI_FEATURES:
		return features(run);
	case FID_RSI_MEASUREMENT_READ:
		return measurement_read(run);
	case FID_RSI_MEASUREMENT_EXTEND:
		return measurement_extend(run);
	case FID_RSI_ATTESTATION_TOKEN_INIT:
		return token_init(run);
	case FID_RSI_ATTESTATION_TOKEN_CONTINUE:
		return token_continue(run);
	case FID_RSI_REALM_CONFIG:
		return rsi_realm_config(run);
	case FID_RSI_IPA_STATE_SET:
		return ipa_state_set(run);
	case FID_RSI_IPA_STATE_GET:
		return ipa_state_get(run);
	case FID_RSI_HOST_CALL:
		return rsi_host_call(run);
	default:
		return standard_call(run, fid);
	}
}
