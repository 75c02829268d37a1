/* SPDX-License-Identifier: BSD-3-Clause */
/* struct simd_context: 32 registers of 16 bytes, FPCR, FPSR. */
#define SIMD_FPCR 512

	.arch	armv8.4-a+fp+simd

	.macro all_pairs insn
	\insn	q0, q1, [x0, #0]
	\insn	q2, q3, [x0, #32]
	\insn	q4, q5, [x0, #64]
	\insn	q6, q7, [x0, #96]
	\insn	q8, q9, [x0, #128]
	\insn	q10, q11, [x0, #160]
	\insn	q12, q13, [x0, #192]
	\insn	q14, q15, [x0, #224]
	\insn	q16, q17, [x0, #256]
	\insn	q18, q19, [x0, #288]
	\insn	q20, q21, [x0, #320]
	\insn	q22, q23, [x0, #352]
	\insn	q24, q25, [x0, #384]
	\insn	q26, q27, [x0, #416]
	\insn	q28, q29, [x0, #448]
	\insn	q30, q31, [x0, #480]
	.endm

	.text
	.global simd_save
simd_save:
	all_pairs stp
	mrs	x1, fpcr
	mrs	x2, fpsr
	add	x0, x0, #SIMD_FPCR
	stp	x1, x2, [x0]
	ret

	.global simd_restore
simd_restore:
	all_pairs ldp
	add	x0, x0, #SIMD_FPCR
	ldp	x1, x2, [x0]
	msr	fpcr, x1
	msr	fpsr, x2
	ret
