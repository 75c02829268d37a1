/* SPDX-License-Identifier: BSD-3-Clause */
#include "mailbox.h"
#include "ops.h"
#include "psci.h"

struct monitor_mailbox mailboxes[MONITOR_MAX_PES]
	__attribute__((section(".bss.mailboxes"), aligned(MONITOR_MAILBOX_SIZE)));

static void set_state(struct monitor_mailbox *box, uint32_t state)
{
	__atomic_store_n(&box->pe_state, state, __ATOMIC_RELEASE);
}

void mailbox_open(struct pe *pe)
{
	set_state(&mailboxes[pe->index], MONITOR_PE_STATE_READY);
}

bool mailbox_serve(struct pe *pe)
{
	struct monitor_mailbox *box = &mailboxes[pe->index];

	if (!mailbox_pending(box))
		return false;
	uint32_t seq = __atomic_load_n(&box->request_seq, __ATOMIC_ACQUIRE);

	set_state(box, MONITOR_PE_STATE_BUSY);
	ops_execute(pe, box);
	set_state(box, pe->leaving ? MONITOR_PE_STATE_OFF : MONITOR_PE_STATE_READY);
	__atomic_store_n(&box->response_seq, seq, __ATOMIC_RELEASE);
	if (pe->leaving)
		psci_cpu_off();
	return true;
}
