/* SPDX-License-Identifier: BSD-3-Clause */
#include <sysreg.h>

#include "ops.h"

#define TIMER_ENABLE 1ull
#define TIMER_IMASK_SHIFT 1
#define TIMER_VIRTUAL 0
#define TIMER_PHYSICAL 1

bool op_irq_setup(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	(void)args;
	(void)values;
	write_sysreg(icc_sre_el1, 7);
	isb();
	write_sysreg(icc_pmr_el1, 0xff);
	write_sysreg(icc_igrpen1_el1, 1);
	isb();
	return true;
}

bool op_irq_wait(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t start = counter_ticks();
	const volatile uint64_t *taken = &rec->report.irqs;

	/* Masked while looking: an interrupt between the look and WFI makes WFI return at once. */
	while (*taken == 0 && counter_ticks() - start < args[0]) {
		if (args[1] == 1)
			wfi();
		__asm__ volatile("msr daifclr, #2\n\tisb\n\tmsr daifset, #2" : : : "memory");
	}
	values[0] = *taken;
	values[1] = rec->report.last_intid;
	values[2] = rec->irqs_total;
	return true;
}

bool op_timer(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t control = args[1] == 0 ? 0 : TIMER_ENABLE | (args[2] & 1) << TIMER_IMASK_SHIFT;

	(void)rec;
	isb();
	/* Off first: a timer that runs must not fire for the new compare value. */
	if (args[0] == TIMER_VIRTUAL) {
		write_sysreg(cntv_ctl_el0, 0);
		isb();
		write_sysreg(cntv_cval_el0, read_sysreg(cntvct_el0) + args[1]);
		write_sysreg(cntv_ctl_el0, control);
		isb();
		values[0] = read_sysreg(cntv_ctl_el0);
		values[1] = read_sysreg(cntv_cval_el0);
		values[2] = read_sysreg(cntvct_el0);
	} else if (args[0] == TIMER_PHYSICAL) {
		write_sysreg(cntp_ctl_el0, 0);
		isb();
		write_sysreg(cntp_cval_el0, read_sysreg(cntpct_el0) + args[1]);
		write_sysreg(cntp_ctl_el0, control);
		isb();
		values[0] = read_sysreg(cntp_ctl_el0);
		values[1] = read_sysreg(cntp_cval_el0);
		values[2] = read_sysreg(cntpct_el0);
	} else {
		return false;
	}
	return true;
}

bool op_spin(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	values[0] = counter_ticks();
	do
		values[1] = counter_ticks();
	while (values[1] - values[0] < args[0]);
	return true;
}
