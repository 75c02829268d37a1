/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything that belongs to one REC, its stack included.
 *
 * Invariants: REC n (MPIDR Aff1:Aff0 = n) uses recs[n]; its stack pointer always points
 * into recs[n], so that the state is found from SP alone and no system register that a
 * test may change is needed. recs is not part of the loaded image and its memory may
 * start with any content: a REC clears its own entry before it uses it.
 */
#ifndef PAYLOAD_REC_H
#define PAYLOAD_REC_H

#define REC_SIZE 2048
/* The stack starts a little below the end, so that SP never equals the next entry's start. */
#define REC_STACK_TOP (REC_SIZE - 16)

#ifndef __ASSEMBLER__

#include <stdint.h>

#include <cca_abi.h>

struct rec {
	struct rsi_host_call host_call; /* first: RSI wants it 256-byte aligned */
	struct payload_report report; /* of the command that runs */
	uint64_t start_value; /* gprs[1] or PSCI context id */
	uint64_t irqs_total;
	uint64_t fetching; /* FETCH runs foreign code; fetch_stack is its way back */
	uint64_t fetch_stack;
	uint32_t code[2]; /* EXECUTE: the instruction under test and the way back */
	uint8_t stack[REC_SIZE - RSI_HOST_CALL_SIZE - PAYLOAD_REPORT_SIZE - 40] __attribute__((aligned(16)));
} __attribute__((aligned(REC_SIZE)));

_Static_assert(sizeof(struct rec) == REC_SIZE, "rec");

static inline struct rec *this_rec(void)
{
	uint64_t sp;

	__asm__ volatile("mov %0, sp" : "=r"(sp));
	return (struct rec *)(sp & ~(uint64_t)(REC_SIZE - 1));
}

/* C part of a REC's life; called once on its own stack with the MMU on. */
void payload_main(uint64_t start_value) __attribute__((noreturn));

#endif
#endif
