/* SPDX-License-Identifier: BSD-3-Clause */
#include <sysreg.h>

#include "gic.h"
#include "idle.h"

#define SPIN_US 1000
#define SLEEP_MIN_US 100
#define SLEEP_MAX_US 2000
/* A sleep lasts this fraction of the time without work so far. */
#define SLEEP_DIVISOR 8

#define TIMER_ENABLE 1

static uint64_t microseconds(uint64_t us)
{
	return us * read_sysreg(cntfrq_el0) / 1000000;
}

/* Sleep until the idle timer fires; interrupts of tests do not end it. */
static void sleep(uint64_t ticks)
{
	uint64_t pmr = read_sysreg(icc_pmr_el1);
	uint64_t group1 = read_sysreg(icc_igrpen1_el1);

	write_sysreg(icc_pmr_el1, IDLE_PMR);
	write_sysreg(icc_igrpen1_el1, 1);
	write_sysreg(cnthv_tval_el2, ticks);
	write_sysreg(cnthv_ctl_el2, TIMER_ENABLE);
	isb();
	wfi();
	/* The interrupt is level sensitive: with the timer off it is gone, there is nothing to acknowledge. */
	write_sysreg(cnthv_ctl_el2, 0);
	write_sysreg(icc_igrpen1_el1, group1);
	write_sysreg(icc_pmr_el1, pmr);
	isb();
}

void idle_reset(struct idle *idle)
{
	idle->last_work = counter_ticks();
}

void idle_pause(struct idle *idle)
{
	uint64_t waited = counter_ticks() - idle->last_work;

	if (waited < microseconds(SPIN_US)) {
		yield();
		return;
	}
	uint64_t ticks = waited / SLEEP_DIVISOR;

	if (ticks < microseconds(SLEEP_MIN_US))
		ticks = microseconds(SLEEP_MIN_US);
	if (ticks > microseconds(SLEEP_MAX_US))
		ticks = microseconds(SLEEP_MAX_US);
	sleep(ticks);
}
