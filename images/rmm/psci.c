/* SPDX-License-Identifier: BSD-3-Clause */
#include "psci.h"

#include "granule.h"
#include "smc.h"

#define PSCI_VERSION_1_1 0x10001U
#define AFFINITY_ON 0U
#define AFFINITY_OFF 1U
#define RESULT_REGISTERS 4U	 /* X0..X3 of a call that stays in the RMM: SMCCC keeps the others */
#define RESULT_REGISTERS_EXIT 7U /* X0..X6 after an exit */

#define RESULT(code) ((uint64_t)(int64_t)(code))

bool psci_is_known(uint32_t fid)
{
	switch (fid) {
	case FID_PSCI_VERSION:
	case FID_PSCI_CPU_SUSPEND:
	case FID_PSCI_CPU_OFF:
	case FID_PSCI_CPU_ON:
	case FID_PSCI_AFFINITY_INFO:
	case FID_PSCI_SYSTEM_OFF:
	case FID_PSCI_SYSTEM_RESET:
	case FID_PSCI_FEATURES:
		return true;
	default:
		return false;
	}
}

static void set_registers(struct rec *rec, uint64_t result, unsigned int count)
{
	rec->gprs[0] = result;
	for (unsigned int i = 1; i < count; i++)
		rec->gprs[i] = 0;
}

/* What the Realm finds when it continues after an exit. */
static void set_result(struct rec *rec, uint64_t result)
{
	set_registers(rec, result, RESULT_REGISTERS_EXIT);
}

static enum run_next answer(struct run *run, uint64_t result)
{
	set_registers(run->rec, result, RESULT_REGISTERS);
	return RUN_RESUME;
}

static enum run_next ask_host(struct run *run, uint32_t fid)
{
	run->exit->exit_reason = RMI_REC_EXIT_REASON_PSCI;
	run->exit->gprs[0] = fid;
	return RUN_EXIT;
}

/* Leaves the decision about another REC to RMI_PSCI_COMPLETE. */
static enum run_next ask_host_about(struct run *run, uint32_t fid, uint64_t target)
{
	struct rec *rec = run->rec;

	run->exit->gprs[1] = rec->gprs[1];
	rec->psci = (struct rec_psci){
		.fid = fid,
		.target = target,
		.entry_point = rec->gprs[2],
		.context_id = rec->gprs[3],
	};
	return ask_host(run, fid);
}

/* The Realm has or had a REC with these affinity fields; its RecMpidr. */
static bool find_target(const struct run *run, uint64_t affinity, uint64_t *mpidr)
{
	uint64_t index;

	return rec_mpidr_from_affinity(affinity, mpidr) && rec_mpidr_index(*mpidr, &index) &&
	       index < run->rd->rec_index;
}

static enum run_next cpu_on(struct run *run)
{
	uint64_t target;

	if (!rd_ipa_is_protected(run->rd, run->rec->gprs[2]))
		return answer(run, RESULT(PSCI_RETURN_CODE_INVALID_ADDRESS));
	if (!find_target(run, run->rec->gprs[1], &target))
		return answer(run, RESULT(PSCI_RETURN_CODE_INVALID_PARAMETERS));
	if (target == run->rec->mpidr)
		return answer(run, RESULT(PSCI_RETURN_CODE_ALREADY_ON));
	return ask_host_about(run, FID_PSCI_CPU_ON, target);
}

static enum run_next affinity_info(struct run *run)
{
	uint64_t target;

	if (run->rec->gprs[2] != 0 || !find_target(run, run->rec->gprs[1], &target))
		return answer(run, RESULT(PSCI_RETURN_CODE_INVALID_PARAMETERS));
	if (target == run->rec->mpidr)
		return answer(run, AFFINITY_ON);
	return ask_host_about(run, FID_PSCI_AFFINITY_INFO, target);
}

static enum run_next features(struct run *run)
{
	uint32_t fid = (uint32_t)run->rec->gprs[1];
	bool known = psci_is_known(fid) || fid == FID_SMCCC_VERSION;

	return answer(run,
		      RESULT(known ? PSCI_RETURN_CODE_SUCCESS : PSCI_RETURN_CODE_NOT_SUPPORTED));
}

enum run_next psci_call(struct run *run, uint32_t fid)
{
	switch (fid) {
	case FID_PSCI_CPU_SUSPEND:
		set_result(run->rec, RESULT(PSCI_RETURN_CODE_SUCCESS));
		return ask_host(run, fid);
	case FID_PSCI_CPU_OFF:
		run->rec->runnable = false;
		return ask_host(run, fid);
	case FID_PSCI_CPU_ON:
		return cpu_on(run);
	case FID_PSCI_AFFINITY_INFO:
		return affinity_info(run);
	case FID_PSCI_SYSTEM_OFF:
	case FID_PSCI_SYSTEM_RESET:
		run->rd->state = REALM_SYSTEM_OFF;
		return ask_host(run, fid);
	case FID_PSCI_FEATURES:
		return features(run);
	default:
		return answer(run, PSCI_VERSION_1_1);
	}
}

static bool is_on(const struct rec *rec)
{
	return rec->runnable || rec->state == REC_RUNNING;
}

/* CPU_ON with the host's consent; the result for the caller. */
static uint64_t turn_on(const struct rec *caller, struct rec *target)
{
	rec_reset(target, caller->psci.entry_point);
	target->gprs[0] = caller->psci.context_id;
	target->runnable = true;
	return RESULT(PSCI_RETURN_CODE_SUCCESS);
}

static bool status_ok(const struct rec *caller, int64_t status)
{
	return status == PSCI_RETURN_CODE_SUCCESS ||
	       (status == PSCI_RETURN_CODE_DENIED && caller->psci.fid == FID_PSCI_CPU_ON);
}

/* The answer to the pending call, given the host's status. */
static uint64_t complete(const struct rec *caller, struct rec *target, int64_t status)
{
	if (caller->psci.fid == FID_PSCI_AFFINITY_INFO)
		return is_on(target) ? AFFINITY_ON : AFFINITY_OFF;
	if (is_on(target))
		return RESULT(PSCI_RETURN_CODE_ALREADY_ON);
	if (status == PSCI_RETURN_CODE_DENIED)
		return RESULT(PSCI_RETURN_CODE_DENIED);
	return turn_on(caller, target);
}

void rmi_psci_complete(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t calling_pa = x[1], target_pa = x[2], result;
	int64_t status = (int64_t)x[3];
	struct rec *caller = granule_find(calling_pa, GRANULE_REC);
	struct rec *target = granule_find(target_pa, GRANULE_REC);

	if (calling_pa == target_pa || caller == NULL || target == NULL ||
	    caller->state == REC_RUNNING || caller->psci.fid == 0 || caller->rd != target->rd ||
	    caller->psci.target != target->mpidr || !status_ok(caller, status)) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	result = complete(caller, target, status);
	caller->psci = (struct rec_psci){0};
	set_result(caller, result);
	/*
	 * Denying what is already so is the host's mistake; the Realm has its answer all the same.
	 */
	if (status == PSCI_RETURN_CODE_DENIED && result == RESULT(PSCI_RETURN_CODE_ALREADY_ON))
		rmi_fail(out, RMI_ERROR_INPUT);
}
