/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operations of MonitorOp, as harness/abi/data/monitor.toml defines them.
 *
 * Invariants: an op reads args and data of this PE's mailbox and writes values, data and,
 * through ops_fault(), the fault fields; it returns a MonitorStatus. All answer fields
 * are zero and pe->answer_bytes is 0 when it starts.
 */
#ifndef MONITOR_OPS_H
#define MONITOR_OPS_H

#include <stdint.h>

#include "guard.h"
#include "pe.h"

void ops_execute(struct pe *pe, struct monitor_mailbox *box);

/* Report what ended a guarded call; returns ABORT. */
uint64_t ops_fault(struct monitor_mailbox *box, const struct guard *guard);

uint64_t op_read(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_write(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_read_block(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_write_block(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_fill(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_probe(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_fetch(struct pe *pe, struct monitor_mailbox *box);

uint64_t op_hello(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_smc(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_cpu_on(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_cpu_off(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_timer(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_sgi(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_irq_ack(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_irq_pending(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_fp_set(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_fp_get(struct pe *pe, struct monitor_mailbox *box);

uint64_t op_sysreg_read(struct pe *pe, struct monitor_mailbox *box);
uint64_t op_sysreg_write(struct pe *pe, struct monitor_mailbox *box);

uint64_t op_program(struct pe *pe, struct monitor_mailbox *box);

#endif
