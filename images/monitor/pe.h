/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the monitor knows about each PE.
 *
 * Invariants: PE n has MPIDR affinity 0.0.0.n, stack n, mailbox n and pes[n]; TPIDR_EL2
 * holds its struct pe. A PE writes its own struct and mailbox answer only; the exception
 * is PE 0, which puts requests of the serial link into the others' mailboxes. pe_state is
 * OFF before the PE polls its mailbox for the first time and after CPU_OFF.
 */
#ifndef MONITOR_PE_H
#define MONITOR_PE_H

#include <stdbool.h>
#include <stdint.h>

#include <cca_abi.h>
#include <sysreg.h>

struct guard;

struct pe {
	uint32_t index;
	bool leaving; /* the op that runs is CPU_OFF: power down after answering */
	uint32_t answer_bytes; /* of the mailbox data that belong to the last answer */
	struct guard *guard; /* innermost active guard, or NULL */
};

extern struct pe pes[MONITOR_MAX_PES];
extern struct monitor_mailbox mailboxes[MONITOR_MAX_PES];

static inline struct pe *this_pe(void)
{
	return (struct pe *)read_sysreg(tpidr_el2);
}

/* C entry of every PE, on its own stack with the MMU on. */
void monitor_main(uint64_t index) __attribute__((noreturn));

#endif
