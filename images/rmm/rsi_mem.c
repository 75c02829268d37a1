/* SPDX-License-Identifier: BSD-3-Clause */
#include "rsi_mem.h"

#include <mem.h>

#include "abort.h"
#include "rtt.h"
#include "step.h"

enum rsi_page rsi_page_find(const struct rd *rd, uint64_t ipa, void **memory, int *level)
{
	struct rtt_walk walk;

	if (!rd_ipa_is_protected(rd, ipa))
		return RSI_PAGE_BAD;
	rtt_walk(rd, ipa, RTT_LEVEL_PAGE, &walk);
	if (walk.ripas == RIPAS_EMPTY)
		return RSI_PAGE_BAD;
	if (walk.hipas != HIPAS_ASSIGNED || walk.ripas != RIPAS_RAM) {
		*level = walk.level;
		return RSI_PAGE_MISSING;
	}
	*memory = (void *)(walk.pa + (ipa - walk.base));
	return RSI_PAGE_OK;
}

static enum run_next finish(struct run *run, uint64_t status)
{
	run->rec->gprs[0] = status;
	step_over(run->rec);
	return RUN_RESUME;
}

/* The memory that X1 of the call names; NULL if it cannot be used, with what follows in *next. */
static void *memory_argument(struct run *run, uint64_t align_bytes, enum run_next *next)
{
	uint64_t ipa = run->rec->gprs[1];
	enum rsi_page page = RSI_PAGE_BAD;
	void *memory;
	int level;

	if (ipa % align_bytes == 0)
		page = rsi_page_find(run->rd, ipa, &memory, &level);
	if (page == RSI_PAGE_OK)
		return memory;
	*next = page == RSI_PAGE_BAD ? finish(run, RSI_ERROR_INPUT)
				     : abort_emulated(run, ipa, level);
	return NULL;
}

enum run_next rsi_realm_config(struct run *run)
{
	enum run_next next;
	struct rsi_realm_config *config = memory_argument(run, GRANULE_SIZE, &next);

	if (config == NULL)
		return next;
	memset(config, 0, sizeof(*config));
	config->ipa_width = run->rd->ipa_width;
	config->hash_algo = run->rd->hash_algo;
	memcpy(config->rpv, run->rd->rpv, sizeof(config->rpv));
	return finish(run, RSI_SUCCESS);
}

enum run_next rsi_host_call(struct run *run)
{
	struct rec *rec = run->rec;
	enum run_next next;
	const struct rsi_host_call *call = memory_argument(run, RSI_HOST_CALL_SIZE, &next);

	if (call == NULL)
		return next;
	run->exit->exit_reason = RMI_REC_EXIT_REASON_HOST_CALL;
	run->exit->imm = call->imm;
	memcpy(run->exit->gprs, call->gprs, sizeof(call->gprs));
	rec->host_call_pending = true;
	rec->host_call_ipa = rec->gprs[1];
	step_over(rec);
	return RUN_EXIT;
}

enum run_next rsi_complete_host_call(struct run *run)
{
	struct rec *rec = run->rec;
	struct rsi_host_call *call;
	int level;

	switch (rsi_page_find(run->rd, rec->host_call_ipa, (void **)&call, &level)) {
	case RSI_PAGE_BAD:
		/*
		 * Another REC gave the page away meanwhile: there is no place for the host's
		 * answer.
		 */
		rec->gprs[0] = RSI_ERROR_INPUT;
		break;
	case RSI_PAGE_MISSING:
		return abort_emulated(run, rec->host_call_ipa, level);
	default:
		memcpy(call->gprs, run->enter->gprs, sizeof(call->gprs));
		rec->gprs[0] = RSI_SUCCESS;
		break;
	}
	rec->host_call_pending = false;
	return RUN_RESUME;
}
