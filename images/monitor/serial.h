/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests in frames on the UART, served by PE 0; what is outside of frames goes to line.h.
 *
 * Invariants: only PE 0 calls this. Per PE at most one request is under way and the last
 * answer is kept, so that a repeated sequence number never executes twice, whatever the
 * mailbox link does meanwhile. A request for a PE that is off is answered with BAD_ARG,
 * one for a PE that works on another with BUSY; both leave the kept answer alone.
 */
#ifndef MONITOR_SERIAL_H
#define MONITOR_SERIAL_H

#include "pe.h"

/* Take what has arrived and answer what is done; true if there was anything to do. */
bool serial_poll(struct pe *pe);

#endif
