/* SPDX-License-Identifier: BSD-3-Clause */
#include <fp.h>

#include "call.h"
#include "gic.h"
#include "ops.h"
#include "psci.h"

#define TIMER_ENABLE 1
#define SGI_COUNT 16

uint64_t op_hello(struct pe *pe, struct monitor_mailbox *box)
{
	uint64_t on = 0;

	for (unsigned int n = 0; n < MONITOR_MAX_PES; n++)
		on += __atomic_load_n(&mailboxes[n].pe_state, __ATOMIC_RELAXED) != MONITOR_PE_STATE_OFF;
	box->values[0] = MONITOR_MAGIC;
	box->values[1] = MONITOR_PROTOCOL_VERSION;
	box->values[2] = pe->index;
	box->values[3] = on;
	box->values[4] = read_sysreg(CurrentEL);
	box->values[5] = read_sysreg(cntfrq_el0);
	box->values[6] = read_sysreg(mpidr_el1);
	return MONITOR_STATUS_OK;
}

uint64_t op_smc(struct pe *pe, struct monitor_mailbox *box)
{
	(void)pe;
	smc_call(box->args, box->values);
	return MONITOR_STATUS_OK;
}

uint64_t op_cpu_on(struct pe *pe, struct monitor_mailbox *box)
{
	(void)pe;
	if (box->args[0] >= MONITOR_MAX_PES)
		return MONITOR_STATUS_BAD_ARG;
	box->values[0] = (uint64_t)psci_cpu_on((uint32_t)box->args[0]);
	return MONITOR_STATUS_OK;
}

uint64_t op_cpu_off(struct pe *pe, struct monitor_mailbox *box)
{
	(void)box;
	if (pe->index == 0)
		return MONITOR_STATUS_BAD_ARG;
	pe->leaving = true;
	return MONITOR_STATUS_OK;
}

uint64_t op_timer(struct pe *pe, struct monitor_mailbox *box)
{
	(void)pe;
	write_sysreg(cnthp_ctl_el2, 0);
	if (box->args[0] != 0) {
		write_sysreg(cnthp_cval_el2, counter_ticks() + box->args[0]);
		write_sysreg(cnthp_ctl_el2, TIMER_ENABLE);
	}
	isb();
	return MONITOR_STATUS_OK;
}

uint64_t op_sgi(struct pe *pe, struct monitor_mailbox *box)
{
	(void)pe;
	if (box->args[0] >= MONITOR_MAX_PES || box->args[1] >= SGI_COUNT)
		return MONITOR_STATUS_BAD_ARG;
	gic_send_sgi((uint32_t)box->args[0], (uint32_t)box->args[1]);
	return MONITOR_STATUS_OK;
}

uint64_t op_irq_ack(struct pe *pe, struct monitor_mailbox *box)
{
	(void)pe;
	box->values[0] = gic_acknowledge();
	return MONITOR_STATUS_OK;
}

uint64_t op_irq_pending(struct pe *pe, struct monitor_mailbox *box)
{
	uint32_t intid = gic_pending();

	(void)pe;
	box->values[0] = intid != INTID_NONE;
	box->values[1] = intid;
	return MONITOR_STATUS_OK;
}

uint64_t op_fp_set(struct pe *pe, struct monitor_mailbox *box)
{
	(void)pe;
	fp_load(box->data);
	return MONITOR_STATUS_OK;
}

uint64_t op_fp_get(struct pe *pe, struct monitor_mailbox *box)
{
	fp_store(box->data);
	pe->answer_bytes = FP_BYTES;
	return MONITOR_STATUS_OK;
}
