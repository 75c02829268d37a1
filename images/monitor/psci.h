/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Power of PEs through EL3 (SMC conduit).
 *
 * Invariants: only OFF PEs are turned on; a PE that psci_cpu_on() reports as started
 * polls its mailbox.
 */
#ifndef MONITOR_PSCI_H
#define MONITOR_PSCI_H

#include <stdint.h>

/* The PSCI result; 0 when the PE serves its mailbox. */
int64_t psci_cpu_on(uint32_t pe);
void psci_cpu_off(void) __attribute__((noreturn));

#endif
