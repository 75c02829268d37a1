/* SPDX-License-Identifier: BSD-3-Clause */
	/* Frame: x0..x29 at 0, x30 and the file's address at 240, callee-saved registers at 256. */
	.set	FRAME, 352

	.section .text.execute, "ax"
	.global execute_code
execute_code:
	sub	sp, sp, #FRAME
	stp	x19, x20, [sp, #256]
	stp	x21, x22, [sp, #272]
	stp	x23, x24, [sp, #288]
	stp	x25, x26, [sp, #304]
	stp	x27, x28, [sp, #320]
	stp	x29, x30, [sp, #336]
	str	x0, [sp, #248]
	msr	elr_el1, x1
	/* Return to EL1h with the current interrupt masks. */
	mrs	x1, daif
	orr	x1, x1, #4
	orr	x1, x1, #1
	msr	spsr_el1, x1
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
	ldp	x0, x1, [x0]
	eret

	.global execute_return
execute_return:
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
	str	x30, [sp, #240]
	ldr	x1, [sp, #248]
	mov	x2, sp
	mov	x3, #31
1:	ldr	x4, [x2], #8
	str	x4, [x1], #8
	subs	x3, x3, #1
	b.ne	1b
	ldp	x19, x20, [sp, #256]
	ldp	x21, x22, [sp, #272]
	ldp	x23, x24, [sp, #288]
	ldp	x25, x26, [sp, #304]
	ldp	x27, x28, [sp, #320]
	ldp	x29, x30, [sp, #336]
	add	sp, sp, #FRAME
	ret
