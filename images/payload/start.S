/* SPDX-License-Identifier: BSD-3-Clause */
#include <cca_abi.h>

#include "rec.h"

/* Attribute 0: Normal write-back, read and write allocate. */
#define MAIR_VALUE 0xff
/* 48-bit addresses by TTBR0 only, 4 KiB granule, walks write-back inner shareable, 48-bit output. */
#define TCR_VALUE ((5 << 32) | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8) | 16)
/* RES1 bits 29, 28, 23, 22, 20, 11; I, C, M. */
#define SCTLR_VALUE (0x30d00800 | (1 << 12) | (1 << 2) | (1 << 0))
#define CPACR_FP (3 << 20)

	.section .text.start, "ax"
	/* x1 = start value; the IPA width in x0 is not needed, the tables follow the accesses. */
	.global _start
_start:
	mov	x20, x1
	bl	set_stack
	bl	tables_build
	b	enable_mmu

	/* PSCI CPU_ON enters here with x0 = context id: the tables exist. */
	.global secondary_entry
secondary_entry:
	mov	x20, x0
	bl	set_stack

enable_mmu:
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el1, x0
	mov	x0, #MAIR_VALUE
	msr	mair_el1, x0
	ldr	x0, =TCR_VALUE
	msr	tcr_el1, x0
	adrp	x0, level0_table
	add	x0, x0, :lo12:level0_table
	msr	ttbr0_el1, x0
	mov	x0, #CPACR_FP
	msr	cpacr_el1, x0
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x0, =SCTLR_VALUE
	msr	sctlr_el1, x0
	isb
	msr	fpcr, xzr
	/* SErrors are taken from here on; interrupts only inside IRQ_WAIT. */
	msr	daifclr, #4
	mov	x0, x20
	mov	x29, xzr
	b	payload_main

	/* sp = top of recs[Aff1 * 16 + Aff0]; clobbers x0 to x2. */
set_stack:
	msr	spsel, #1
	mrs	x0, mpidr_el1
	and	x1, x0, #0xf
	ubfx	x0, x0, #8, #8
	add	x0, x1, x0, lsl #4
	and	x0, x0, #(PAYLOAD_MAX_RECS - 1)
	adrp	x1, recs
	add	x1, x1, :lo12:recs
	mov	x2, #REC_SIZE
	madd	x0, x0, x2, x1
	add	x0, x0, #REC_STACK_TOP
	mov	sp, x0
	ret
