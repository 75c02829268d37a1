// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * Lets the timers of a host go on after QEMU has loaded a snapshot.
 *
 * A snapshot has the registers of the EL2 physical timer, which a kernel at EL2 uses, but QEMU (10.0) starts its own
 * timer behind them only when one is written. Without that no interrupt of it ever comes. Writing anything to
 * /sys/module/cca_timers/parameters/rearm writes the compare value of each CPU's timer again.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/smp.h>
#include <asm/sysreg.h>

/* At EL2 with VHE, CNTP_CVAL_EL0 is CNTHP_CVAL_EL2. */
static void rearm_this_cpu(void *unused)
{
	write_sysreg(read_sysreg(cntp_cval_el0), cntp_cval_el0);
	isb();
}

static int rearm(const char *text, const struct kernel_param *parameter)
{
	on_each_cpu(rearm_this_cpu, NULL, 1);
	return 0;
}

static const struct kernel_param_ops rearm_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = rearm,
};
module_param_cb(rearm, &rearm_ops, NULL, 0200);
MODULE_PARM_DESC(rearm, "write anything: let timers go on after a snapshot was loaded");

MODULE_DESCRIPTION("Timers after a snapshot");
MODULE_LICENSE("Dual BSD/GPL");
