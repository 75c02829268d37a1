/* SPDX-License-Identifier: BSD-3-Clause */
#include <frame_asm.h>

	.macro entry offset
	.balign	128
	frame_save 2
	mov	x0, sp
	mov	x1, #\offset
	b	taken
	.endm

	.section .text.vectors, "ax"
	.balign	2048
	.global vectors
vectors:
	entry	0x000
	entry	0x080
	entry	0x100
	entry	0x180
	entry	0x200
	entry	0x280
	entry	0x300
	entry	0x380
	entry	0x400
	entry	0x480
	entry	0x500
	entry	0x580
	entry	0x600
	entry	0x680
	entry	0x700
	entry	0x780
taken:
	bl	trap
	frame_restore 2
