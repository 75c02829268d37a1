// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <linux/arm-smccc.h>
#include <linux/cpu.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>
#include <asm/arch_timer.h>

#include "rmi.h"

void rmi_smc(u64 *x)
{
	struct arm_smccc_1_2_regs regs = {
		.a0 = x[0], .a1 = x[1], .a2 = x[2], .a3 = x[3],
		.a4 = x[4], .a5 = x[5], .a6 = x[6], .a7 = x[7],
	};

	arm_smccc_1_2_smc(&regs, &regs);
	x[0] = regs.a0;
	x[1] = regs.a1;
	x[2] = regs.a2;
	x[3] = regs.a3;
	x[4] = regs.a4;
	x[5] = regs.a5;
	x[6] = regs.a6;
	x[7] = regs.a7;
}

struct rmi_trip {
	struct task_struct *caller;
	u64 x[8];
	u64 ticks;
	u32 cpu;
};

/*
 * A realm runs with the host's interrupts masked, which makes it leave as soon as one is pending: a signal
 * that comes after the look at it brings one, so that a caller can always be stopped.
 */
static long make_trip(void *argument)
{
	struct rmi_trip *trip = argument;
	bool enters = trip->x[0] == FID_RMI_REC_ENTER;
	unsigned long flags = 0;
	long error = 0;

	preempt_disable();
	if (enters)
		local_irq_save(flags);
	trip->cpu = smp_processor_id();
	if (enters && signal_pending(trip->caller)) {
		error = -EINTR;
	} else {
		trip->ticks = arch_timer_read_counter();
		rmi_smc(trip->x);
		trip->ticks = arch_timer_read_counter() - trip->ticks;
	}
	if (enters)
		local_irq_restore(flags);
	preempt_enable();
	return error;
}

static int travel(struct rmi_trip *trip, s32 cpu)
{
	if (cpu == RMI_DEVICE_ANY_CPU)
		return make_trip(trip);
	return work_on_cpu_safe(cpu, make_trip, trip);
}

int rmi_call(struct rmi_owner *owner, struct rmi_device_call *call)
{
	struct rmi_trip trip = { .caller = current };
	struct rmi_plan plan = { .bounce = NULL };
	bool enters = call->x[0] == FID_RMI_REC_ENTER;
	int error;

	if (call->flags)
		return -EINVAL;
	if (call->cpu != RMI_DEVICE_ANY_CPU && (call->cpu < 0 || call->cpu >= nr_cpu_ids || !cpu_possible(call->cpu)))
		return -EINVAL;
	memcpy(plan.x, call->x, sizeof(plan.x));
	if (mutex_lock_killable(&owner->lock))
		return -EINTR;
	error = rmi_plan_begin(owner, &plan);
	if (!error) {
		memcpy(trip.x, plan.x, sizeof(trip.x));
		/* Another thread of the caller makes its calls while a realm runs. */
		if (enters)
			mutex_unlock(&owner->lock);
		error = travel(&trip, call->cpu);
		if (enters)
			mutex_lock(&owner->lock);
		if (!error)
			rmi_book(owner, &plan, trip.x);
	}
	rmi_plan_end(&plan);
	mutex_unlock(&owner->lock);
	if (error)
		return error;
	memcpy(call->x, trip.x, sizeof(call->x));
	call->cpu = trip.cpu;
	call->ticks = trip.ticks;
	return 0;
}
