/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GICv3 as the non-secure world sees it.
 *
 * Invariants: all interrupts used are non-secure group 1 and stay pending until
 * gic_acknowledge(): PSTATE.I is never cleared. IDLE_INTID has the highest priority and
 * is the only one that passes IDLE_PMR, so that sleeping does not depend on, nor
 * disturb, interrupts that a test has pending.
 */
#ifndef MONITOR_GIC_H
#define MONITOR_GIC_H

#include <stdint.h>

/* PPI of the EL2 virtual timer. */
#define IDLE_INTID 28
/*
 * Equal to the priority of all others. EL3 decides (SCR_EL3.FIQ) whether this register is
 * seen shifted as the priorities are or unshifted: the value separates them either way.
 */
#define IDLE_PMR 0xa0

#define INTID_NONE 1023

void gic_init_distributor(void);
void gic_init_pe(uint32_t index);
/* Take the highest pending interrupt and complete it. INTID_NONE if there is none. */
uint32_t gic_acknowledge(void);
/* Its number without taking it. INTID_NONE if there is none. */
uint32_t gic_pending(void);
void gic_send_sgi(uint32_t pe, uint32_t intid);

#endif
