/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Assembler macros that save and restore struct exception_frame.
 *
 * Invariants: the stack pointer is 16-byte aligned and has FRAME_SIZE bytes of room;
 * frame_save leaves sp at the frame and clobbers x0 and x1 (saved before);
 * frame_restore takes ELR, SPSR and x0..x30 back from the frame, drops it and returns
 * with ERET; vector_table emits the whole table, each entry of which calls
 * handler(struct exception_frame *, offset of the entry) on the current stack and then
 * returns to what the frame says. `el` is the current exception level: 1 or 2.
 */
#ifndef COMMON_FRAME_ASM_H
#define COMMON_FRAME_ASM_H

#define FRAME_SP 248
#define FRAME_ELR 256
#define FRAME_ESR 272
#define FRAME_SIZE 288

#ifdef __ASSEMBLER__

.macro frame_save el
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp, #0]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	add	x0, sp, #FRAME_SIZE
	stp	x30, x0, [sp, #240]
	mrs	x0, elr_el\el
	mrs	x1, spsr_el\el
	stp	x0, x1, [sp, #FRAME_ELR]
	mrs	x0, esr_el\el
	mrs	x1, far_el\el
	stp	x0, x1, [sp, #FRAME_ESR]
.endm

.macro frame_restore el
	ldp	x0, x1, [sp, #FRAME_ELR]
	msr	elr_el\el, x0
	msr	spsr_el\el, x1
	ldp	x0, x1, [sp, #0]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldr	x30, [sp, #240]
	add	sp, sp, #FRAME_SIZE
	eret
.endm

.macro vector_entry el, offset
	.balign	128
	frame_save \el
	mov	x0, sp
	mov	x1, #\offset
	b	vector_common
.endm

.macro vector_table el, handler
	.balign	2048
	.irp	offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
	vector_entry \el, \offset
	.endr
vector_common:
	bl	\handler
	frame_restore \el
.endm

#endif
#endif
