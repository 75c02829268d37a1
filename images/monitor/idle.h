/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for work without burning a host CPU.
 *
 * Invariants: the EL2 virtual timer, ICC_PMR_EL1 and ICC_IGRPEN1_EL1 differ from what ops
 * left only inside idle_pause(); while an op runs, the idle timer is off. The wait grows
 * with the time since the last work, so that a late answer is late in proportion.
 */
#ifndef MONITOR_IDLE_H
#define MONITOR_IDLE_H

#include <stdint.h>

struct idle {
	uint64_t last_work; /* counter value */
};

/* Work was done just now. */
void idle_reset(struct idle *idle);
/* Spin a moment or sleep. Returns at the latest after the longest sleep. */
void idle_pause(struct idle *idle);

#endif
