/* SPDX-License-Identifier: BSD-3-Clause */
#include "enter.h"

#define SAVED_SIZE 112 /* x19..x30, the REC, padding */
#define SAVED_REC 96

	.text
	.global realm_enter
realm_enter:
	sub	sp, sp, #SAVED_SIZE
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	str	x0, [sp, #SAVED_REC]

	ldp	x1, x2, [x0, #REC_PC_OFFSET]
	msr	elr_el2, x1
	msr	spsr_el2, x2
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldr	x30, [x0, #240]
	ldp	x0, x1, [x0, #0]
	eret
	/* No speculation past the ERET with the Realm's registers. */
	dsb	nsh
	isb

	.macro realm_exit kind, code
	.global realm_exit_\kind
realm_exit_\kind:
	stp	x0, x1, [sp, #-16]!
	mov	x1, #\code
	b	realm_left
	.endm

	realm_exit sync, REALM_EXIT_SYNC
	realm_exit irq, REALM_EXIT_IRQ
	realm_exit fiq, REALM_EXIT_FIQ
	realm_exit serror, REALM_EXIT_SERROR

realm_left:
	ldr	x0, [sp, #16 + SAVED_REC]
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	str	x30, [x0, #240]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0, #0]
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [x0, #REC_PC_OFFSET]

	mov	x0, x1
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	add	sp, sp, #SAVED_SIZE
	ret
