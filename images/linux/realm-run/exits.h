/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the host does about a REC's exit.
 *
 * Invariants: called on the REC's own thread, with flags and gprs of its entry area cleared; what is put there is
 * how the REC goes on. Devices lie in the upper half of the IPA space, at the offsets below.
 */
#ifndef EXITS_H
#define EXITS_H

#include "realm.h"

/* exits.c */
void serve_exit(struct rec *rec);

/* psci.c */
void serve_psci(struct rec *rec);

/* uart.c: a PL011 as far as a console needs it. */
#define UART_OFFSET 0x09000000ULL
#define UART_BYTES 0x1000ULL
#define UART_DR 0x00
#define UART_INTID 33
uint64_t uart_read(uint64_t offset);
void uart_write(uint64_t offset, uint64_t value);
/* Whether its interrupt line is high. */
bool uart_interrupts(void);

/* gicd.c: the registers of a GICv3 without LPIs; who may be interrupted by what. */
#define GICD_OFFSET 0x08000000ULL
#define GICD_BYTES 0x10000ULL
#define GICR_OFFSET 0x080a0000ULL
#define GICR_BYTES 0x20000ULL	/* of one REC */
uint64_t gicd_read(struct realm *realm, uint64_t offset);
void gicd_write(struct realm *realm, uint64_t offset, uint64_t value, unsigned int width);
uint64_t gicr_read(struct realm *realm, uint64_t offset);
void gicr_write(struct realm *realm, uint64_t offset, uint64_t value);
/* A write of ICC_SGI1R_EL1. */
void gic_send_sgi(struct rec *rec, uint64_t value);
/* Next interrupt for a REC that is not in `taken` (bit per INTID); -1 if there is none. A latched one is used up. */
int gic_next(struct rec *rec, uint64_t levels, uint64_t taken);

/* vgic.c: list registers, from the last exit to the next entry. */
void take_interrupts(struct rec *rec);
void give_interrupts(struct rec *rec);

/* script.c: the payload has reported and wants a command. */
void serve_payload(struct rec *rec);

#endif
