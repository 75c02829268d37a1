/* SPDX-License-Identifier: BSD-3-Clause */
#include "exit.h"

#include "abort.h"
#include "enter.h"
#include "esr.h"
#include "inject.h"
#include "rsi.h"
#include "step.h"
#include "sysreg_trap.h"

#define HVC_SIZE 4U

enum run_next exit_interrupt(struct run *run, unsigned int reason)
{
	run->exit->exit_reason = (uint8_t)reason;
	return RUN_EXIT;
}

static enum run_next exit_serror(struct run *run)
{
	run->exit->exit_reason = RMI_REC_EXIT_REASON_SERROR;
	run->exit->esr = run->esr &
			 (ESR_EC_MASK | ESR_SERROR_IDS | ESR_SERROR_AET | ESR_EA | ESR_FSC_MASK);
	return RUN_EXIT;
}

static enum run_next exit_wfx(struct run *run)
{
	run->exit->exit_reason = RMI_REC_EXIT_REASON_SYNC;
	run->exit->esr = run->esr & (ESR_EC_MASK | ESR_WFX_TI);
	step_over_any(run->rec, run->esr);
	return RUN_EXIT;
}

static enum run_next undefined(struct run *run)
{
	inject_undefined(run->rec);
	return RUN_RESUME;
}

static enum run_next exit_sync(struct run *run)
{
	switch (ESR_EC(run->esr)) {
	case EC_WFX:
		return exit_wfx(run);
	case EC_SMC64:
		return rsi_smc(run);
	case EC_HVC64:
		/*
		 * HCR_EL2.HCD does not exist next to EL3, so HVC arrives here as a completed
		 * instruction.
		 */
		run->rec->pc -= HVC_SIZE;
		return undefined(run);
	case EC_SYSREG:
		return sysreg_trap(run);
	case EC_DATA_ABORT_LOWER:
		return abort_data(run);
	case EC_INST_ABORT_LOWER:
		return abort_instruction(run);
	default:
		return undefined(run);
	}
}

enum run_next exit_handle(struct run *run, unsigned int kind)
{
	switch (kind) {
	case REALM_EXIT_IRQ:
		return exit_interrupt(run, RMI_REC_EXIT_REASON_IRQ);
	case REALM_EXIT_FIQ:
		return exit_interrupt(run, RMI_REC_EXIT_REASON_FIQ);
	case REALM_EXIT_SERROR:
		return exit_serror(run);
	default:
		return exit_sync(run);
	}
}
