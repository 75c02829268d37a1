/* SPDX-License-Identifier: BSD-3-Clause */
#include "run.h"

#include <sysreg.h>

#include "abort.h"
#include "enter.h"
#include "exit.h"
#include "gic.h"
#include "lock.h"
#include "nsmem.h"
#include "rsi.h"
#include "rsi_mem.h"
#include "smc.h"
#include "sysreg_trap.h"
#include "timer.h"
#include "world.h"

#define REALM_INDEX_NEW 0
#define REALM_INDEX_SYSTEM_OFF 1

static uint64_t entry_status(const struct rec *rec, const struct rd *rd,
			     const struct rmi_rec_enter *enter)
{
	if (rec->state == REC_RUNNING) /* rec_state */
		return RMI_ERROR_REC;
	if (rd->state == REALM_NEW) /* realm_new */
		return rmi_code(RMI_ERROR_REALM, REALM_INDEX_NEW);
	if (rd->state == REALM_SYSTEM_OFF) /* system_off */
		return rmi_code(RMI_ERROR_REALM, REALM_INDEX_SYSTEM_OFF);
	if (!rec->runnable || rec->psci.fid != 0) /* rec_runnable, rec_psci */
		return RMI_ERROR_REC;
	if (!gic_entry_ok(enter)) /* rec_gicv3 */
		return RMI_ERROR_REC;
	if (!abort_entry_sea_ok(rec, enter) ||
	    !abort_entry_mmio_ok(rec, enter)) /* rec_sea, rec_mmio */
		return RMI_ERROR_REC;
	return RMI_SUCCESS;
}

/* One step into the Realm, without the lock. */
static unsigned int step(struct run *run)
{
	unsigned int kind;

	timer_set_traps(run->rec);
	rmm_unlock();
	kind = realm_enter(run->rec);
	run->esr = read_sysreg(esr_el2);
	run->far = read_sysreg(far_el2);
	run->hpfar = read_sysreg(hpfar_el2);
	rmm_lock();
	return kind;
}

static void run_in_realm(struct run *run)
{
	enum run_next next;

	world_enter(run);
	abort_complete(run);
	sysreg_complete(run);
	rsi_complete_ripas(run);
	do {
		if (timer_output_changed(run->rec))
			next = exit_interrupt(run, RMI_REC_EXIT_REASON_IRQ);
		else
			next = exit_handle(run, step(run));
	} while (next == RUN_RESUME);
	world_exit(run);
}

static void stay(struct run *run)
{
	struct rec *rec = run->rec;

	rec->state = REC_RUNNING;
	gic_take_request(rec, run->enter);
	if (!rec->host_call_pending || rsi_complete_host_call(run) == RUN_RESUME)
		run_in_realm(run);
	gic_report(rec, run->exit);
	timer_report(rec, run->exit);
	rec->state = REC_READY;
}

void rmi_rec_enter(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t run_pa = x[2];
	struct rmi_rec_enter enter __attribute__((aligned(8)));
	struct rmi_rec_exit exit __attribute__((aligned(8))) = {0};
	struct run run = {.enter = &enter, .exit = &exit};
	uint64_t status;

	run.rec = granule_find(x[1], GRANULE_REC);
	if (!ns_page_ok(run_pa) || !ns_read(&enter, run_pa, sizeof(enter)) || run.rec == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	run.rd = (struct rd *)run.rec->rd;
	status = entry_status(run.rec, run.rd, &enter);
	if (status != RMI_SUCCESS) {
		rmi_fail(out, status);
		return;
	}
	stay(&run);
	if (!ns_write(run_pa + offsetof(struct rmi_rec_run, exit), &exit, sizeof(exit)))
		rmi_fail(out, RMI_ERROR_INPUT);
}
