/* SPDX-License-Identifier: BSD-3-Clause */
#include "sysreg_trap.h"

#include "debug.h"
#include "esr.h"
#include "idreg.h"
#include "inject.h"
#include "step.h"
#include "sysreg_key.h"
#include "timer.h"

#define REGISTER_ZERO 31U

#define KEY_ACTLR_EL1 SYSREG_KEY(3U, 0U, 1U, 0U, 1U)
#define KEY_ICC_PMR_EL1 SYSREG_KEY(3U, 0U, 4U, 6U, 0U)
#define KEY_ICC_DIR_EL1 SYSREG_KEY(3U, 0U, 12U, 11U, 1U)
#define KEY_ICC_SGI1R_EL1 SYSREG_KEY(3U, 0U, 12U, 11U, 5U)
#define KEY_ICC_SGI0R_EL1 SYSREG_KEY(3U, 0U, 12U, 11U, 7U)

#define IS_ID_REGISTER(key) \
	(SYSREG_KEY_OP0(key) == 3 && SYSREG_KEY_OP1(key) == 0 && SYSREG_KEY_CRN(key) == 0 && \
	 SYSREG_KEY_CRM(key) != 0)

static bool is_for_host(uint32_t key)
{
	return key == KEY_ICC_PMR_EL1 || key == KEY_ICC_DIR_EL1 || key == KEY_ICC_SGI1R_EL1 ||
	       key == KEY_ICC_SGI0R_EL1;
}

static bool emulate(const struct run *run, uint32_t key, bool is_write, uint64_t *value)
{
	if (IS_ID_REGISTER(key)) {
		*value = idreg_read(run->rd, SYSREG_KEY_CRM(key), SYSREG_KEY_OP2(key));
		return !is_write;
	}
	if (SYSREG_KEY_OP0(key) == 2)
		return debug_access(run->rec, key, is_write, value);
	if (key == KEY_ACTLR_EL1) {
		*value = 0;
		return true;
	}
	return timer_access(key, is_write, value);
}

static enum run_next exit_to_host(struct run *run, bool is_write, unsigned int rt, uint64_t value)
{
	run->exit->exit_reason = RMI_REC_EXIT_REASON_SYNC;
	run->exit->esr = run->esr & (ESR_EC_MASK | (ESR_ISS_MASK & ~SYSREG_ISS_RT_MASK));
	if (is_write) {
		run->exit->gprs[0] = value;
	} else {
		run->rec->sysreg_read_pending = true;
		run->rec->sysreg_rt = rt;
	}
	step_over(run->rec);
	return RUN_EXIT;
}

enum run_next sysreg_trap(struct run *run)
{
	struct rec *rec = run->rec;
	uint32_t key = (uint32_t)run->esr & SYSREG_KEY_MASK;
	bool is_write = (run->esr & SYSREG_ISS_READ) == 0;
	unsigned int rt = (unsigned int)(run->esr & SYSREG_ISS_RT_MASK) >> SYSREG_ISS_RT_SHIFT;
	uint64_t value = is_write && rt != REGISTER_ZERO ? rec->gprs[rt] : 0;

	if (is_for_host(key))
		return exit_to_host(run, is_write, rt, value);
	if (!emulate(run, key, is_write, &value)) {
		inject_undefined(rec);
		return RUN_RESUME;
	}
	if (!is_write && rt != REGISTER_ZERO)
		rec->gprs[rt] = value;
	step_over(rec);
	return RUN_RESUME;
}

void sysreg_complete(struct run *run)
{
	struct rec *rec = run->rec;

	if (rec->sysreg_read_pending && rec->sysreg_rt != REGISTER_ZERO)
		rec->gprs[rec->sysreg_rt] = run->enter->gprs[0];
	rec->sysreg_read_pending = false;
}
