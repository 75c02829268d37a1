/* SPDX-License-Identifier: BSD-3-Clause */
	.section .text.unwind, "ax"
	.global unwind_call
unwind_call:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mov	x9, sp
	str	x9, [x0]
	mov	x9, x1
	mov	x0, x2
	mov	x1, x3
	mov	x2, x4
	blr	x9
	mov	x0, #0
leave:
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

	.global unwind_target
unwind_target:
	ldr	x9, [x0]
	mov	sp, x9
	mov	x0, #1
	b	leave
