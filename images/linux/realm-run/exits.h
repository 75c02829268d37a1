/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the host does about a REC's exit.
 *
 * Invariants: called on the REC's own thread, with flags and gprs of its entry area cleared; what is put there is
 * how the REC goes on.
 */
#ifndef EXITS_H
#define EXITS_H

#include "realm.h"

/* exits.c */
void serve_exit(struct rec *rec);

/* psci.c */
void serve_psci(struct rec *rec);

/* uart.c: a PL011 as far as a console needs it, at UART_OFFSET of the upper half. */
#define UART_OFFSET 0x09000000ULL
#define UART_BYTES 0x1000ULL
#define UART_DR 0x00
uint64_t uart_read(uint64_t offset);
void uart_write(uint64_t offset, uint64_t value);

/* vgic.c: the timers' interrupts, in list registers. */
void inject_interrupts(struct rec *rec);

/* script.c: the payload has reported and wants a command. */
void serve_payload(struct rec *rec);

#endif
