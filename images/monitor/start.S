/* SPDX-License-Identifier: BSD-3-Clause */
#include <cca_abi.h>

#include "layout.h"

/* Block descriptors of the level 1 table: 1 GiB, AF, and attributes. */
#define BLOCK 0x1
#define ACCESSED (1 << 10)
#define INNER_SHAREABLE (3 << 8)
#define NEVER_EXECUTE (1 << 54)
#define DEVICE_BLOCK (BLOCK | ACCESSED | (0 << 2) | NEVER_EXECUTE)
#define NORMAL_BLOCK (BLOCK | ACCESSED | (1 << 2) | INNER_SHAREABLE)

/* Attribute 0: Device-nGnRnE, attribute 1: Normal write-back, read and write allocate. */
#define MAIR_VALUE 0xff00
/* 39-bit addresses, 4 KiB granule, walks write-back inner shareable, 40-bit output; RES1 31, 23. */
#define TCR_VALUE ((1 << 31) | (1 << 23) | (2 << 16) | (3 << 12) | (1 << 10) | (1 << 8) | 25)
/* RES1 bits plus I, SA, C, M. */
#define SCTLR_VALUE (0x30c50830 | (1 << 12) | (1 << 3) | (1 << 2) | (1 << 0))
/* E2H = 0; RW; physical interrupts and SErrors belong to EL2. */
#define HCR_VALUE ((1 << 31) | (1 << 5) | (1 << 4) | (1 << 3))
/* RES1 bits; SVE and SME trapped, floating point not. */
#define CPTR_VALUE 0x33ff

	.section .text.start, "ax"
	.global _start
_start:
	mov	x19, #0
	b	pe_setup

	/* PSCI CPU_ON enters here with x0 = PE index. */
	.global secondary_start
secondary_start:
	mov	x19, x0

pe_setup:
	msr	spsel, #1
	msr	daifset, #0xf
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el2, x0
	ldr	x0, =HCR_VALUE
	msr	hcr_el2, x0
	mov	x0, #CPTR_VALUE
	msr	cptr_el2, x0
	ldr	x0, =MAIR_VALUE
	msr	mair_el2, x0
	ldr	x0, =TCR_VALUE
	msr	tcr_el2, x0
	adrp	x0, level1_table
	msr	ttbr0_el2, x0
	isb
	tlbi	alle2
	dsb	nsh
	isb
	ldr	x0, =SCTLR_VALUE
	msr	sctlr_el2, x0
	isb

	/* Only now, so that the zeros are written through the same attributes as all later accesses. */
	cbnz	x19, 2f
	adrp	x0, bss_start
	adrp	x1, bss_end
	add	x1, x1, :lo12:bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

2:	adrp	x0, stacks
	add	x0, x0, :lo12:stacks
	add	x1, x19, #1
	mov	x2, #STACK_SIZE
	madd	x0, x1, x2, x0
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr
	/* SErrors are taken from here on; interrupts stay masked for good. */
	msr	daifclr, #4
	mov	x0, x19
	b	monitor_main

	.section .rodata.tables, "a"
	.balign	4096
level1_table:
	.set	gib, 0
	.rept	DEVICE_LIMIT_GIB
	.quad	(gib << GIB_SHIFT) | DEVICE_BLOCK
	.set	gib, gib + 1
	.endr
	.rept	NORMAL_LIMIT_GIB - DEVICE_LIMIT_GIB
	.quad	(gib << GIB_SHIFT) | NORMAL_BLOCK
	.set	gib, gib + 1
	.endr
	.rept	512 - NORMAL_LIMIT_GIB
	.quad	(gib << GIB_SHIFT) | DEVICE_BLOCK
	.set	gib, gib + 1
	.endr

	.section .bss.stacks, "aw", %nobits
	.balign	16
stacks:
	.space	STACK_SIZE * MONITOR_MAX_PES
