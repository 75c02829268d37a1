/* SPDX-License-Identifier: BSD-3-Clause */
#include <mem.h>

#include "ops.h"

typedef uint64_t (*op_function)(struct pe *pe, struct monitor_mailbox *box);

static const op_function table[] = {
	[MONITOR_OP_HELLO] = op_hello,
	[MONITOR_OP_SMC] = op_smc,
	[MONITOR_OP_READ] = op_read,
	[MONITOR_OP_WRITE] = op_write,
	[MONITOR_OP_READ_BLOCK] = op_read_block,
	[MONITOR_OP_WRITE_BLOCK] = op_write_block,
	[MONITOR_OP_FILL] = op_fill,
	[MONITOR_OP_PROBE] = op_probe,
	[MONITOR_OP_FETCH] = op_fetch,
	[MONITOR_OP_CPU_ON] = op_cpu_on,
	[MONITOR_OP_PROGRAM] = op_program,
	[MONITOR_OP_TIMER] = op_timer,
	[MONITOR_OP_SGI] = op_sgi,
	[MONITOR_OP_IRQ_ACK] = op_irq_ack,
	[MONITOR_OP_SYSREG_READ] = op_sysreg_read,
	[MONITOR_OP_SYSREG_WRITE] = op_sysreg_write,
	[MONITOR_OP_FP_SET] = op_fp_set,
	[MONITOR_OP_FP_GET] = op_fp_get,
	[MONITOR_OP_CPU_OFF] = op_cpu_off,
	[MONITOR_OP_IRQ_PENDING] = op_irq_pending,
};

void ops_execute(struct pe *pe, struct monitor_mailbox *box)
{
	uint64_t op = box->op;

	pe->answer_bytes = 0;
	memset(box->values, 0, sizeof(box->values));
	box->esr = 0;
	box->elr = 0;
	box->far = 0;
	box->hpfar = 0;
	if (op >= sizeof(table) / sizeof(table[0]) || table[op] == NULL)
		box->status = MONITOR_STATUS_BAD_OP;
	else
		box->status = table[op](pe, box);
}

uint64_t ops_fault(struct monitor_mailbox *box, const struct guard *guard)
{
	box->esr = guard->esr;
	box->elr = guard->elr;
	box->far = guard->far;
	box->hpfar = guard->hpfar;
	return MONITOR_STATUS_ABORT;
}
