/* SPDX-License-Identifier: BSD-3-Clause */
#include <mem.h>

#include "ops.h"
#include "smc.h"

typedef bool (*op_function)(struct rec *rec, const uint64_t *args, uint64_t *values);

struct rec recs[PAYLOAD_MAX_RECS];

static const op_function table[] = {
	[PAYLOAD_OP_HELLO] = op_hello,
	[PAYLOAD_OP_READ] = op_read,
	[PAYLOAD_OP_WRITE] = op_write,
	[PAYLOAD_OP_EXECUTE] = op_execute,
	[PAYLOAD_OP_FETCH] = op_fetch,
	[PAYLOAD_OP_SMC] = op_smc,
	[PAYLOAD_OP_IRQ_SETUP] = op_irq_setup,
	[PAYLOAD_OP_IRQ_WAIT] = op_irq_wait,
	[PAYLOAD_OP_TIMER] = op_timer,
	[PAYLOAD_OP_SPIN] = op_spin,
	[PAYLOAD_OP_SPIN_UNTIL] = op_spin_until,
	[PAYLOAD_OP_FP_SET] = op_fp_set,
	[PAYLOAD_OP_FP_CHECK] = op_fp_check,
	[PAYLOAD_OP_MMU] = op_mmu,
	[PAYLOAD_OP_TOUCH] = op_touch,
	[PAYLOAD_OP_FILL] = op_fill,
	[PAYLOAD_OP_SUM] = op_sum,
	[PAYLOAD_OP_NOP] = op_nop,
};

/* Tell the report and wait for the next command, which takes the report's place in the host call. */
static const struct payload_command *next_command(struct rec *rec)
{
	uint64_t x[SMC_REGISTERS] = { FID_RSI_HOST_CALL, (uint64_t)&rec->host_call };

	_Static_assert(sizeof(rec->report) == sizeof(rec->host_call.gprs), "report fills the registers");
	_Static_assert(sizeof(struct payload_command) == sizeof(rec->host_call.gprs), "so does a command");
	rec->host_call.imm = PAYLOAD_IMM;
	memcpy(rec->host_call.gprs, &rec->report, sizeof(rec->report));
	smc_call(x, x);
	if (x[0] != RSI_SUCCESS) {
		/* There is no way to talk to the host but to end the realm. */
		x[0] = FID_PSCI_SYSTEM_OFF;
		smc_call(x, x);
	}
	return (const struct payload_command *)rec->host_call.gprs;
}

static void execute(struct rec *rec, const struct payload_command *command)
{
	uint64_t sequence = rec->report.sequence + 1;
	bool sensible = false;

	memset(&rec->report, 0, sizeof(rec->report));
	if (command->op < sizeof(table) / sizeof(table[0]) && table[command->op] != NULL)
		sensible = table[command->op](rec, command->args, rec->report.values);
	rec->report.sequence = sequence;
	if (!sensible)
		rec->report.status = PAYLOAD_STATUS_BAD_OP;
	else if (rec->report.exceptions != 0)
		rec->report.status = PAYLOAD_STATUS_EXCEPTION;
	else
		rec->report.status = PAYLOAD_STATUS_OK;
}

void payload_main(uint64_t start_value)
{
	struct rec *rec = this_rec();

	memset(rec, 0, offsetof(struct rec, stack));
	rec->start_value = start_value;
	for (;;)
		execute(rec, next_command(rec));
}
