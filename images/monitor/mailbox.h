/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests through shared memory.
 *
 * Invariants: a request is pending while request_seq differs from response_seq; the PE
 * reads the request only after seeing that, and writes response_seq last. From the
 * outside pe_state is BUSY exactly while an op runs.
 */
#ifndef MONITOR_MAILBOX_H
#define MONITOR_MAILBOX_H

#include "pe.h"

static inline bool mailbox_pending(const struct monitor_mailbox *box)
{
	return __atomic_load_n(&box->request_seq, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&box->response_seq, __ATOMIC_ACQUIRE);
}

/* This PE polls from now on. */
void mailbox_open(struct pe *pe);
/* Execute this PE's pending request, if any; false if there is none. Does not return from CPU_OFF. */
bool mailbox_serve(struct pe *pe);

#endif
