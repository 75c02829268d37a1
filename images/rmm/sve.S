/* SPDX-License-Identifier: BSD-3-Clause */
	.arch	armv8.4-a+sve

	.macro each_vector insn
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, \
		23, 24, 25, 26, 27, 28, 29, 30, 31
	\insn	z\n, [x0, #\n, mul vl]
	.endr
	.endm

	.macro each_predicate insn
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\insn	p\n, [x0, #\n, mul vl]
	.endr
	.endm

	.text
	.global sve_store_vectors
sve_store_vectors:
	each_vector str
	ret

	.global sve_load_vectors
sve_load_vectors:
	each_vector ldr
	ret

	.global sve_store_predicates
sve_store_predicates:
	each_predicate str
	ret

	.global sve_load_predicates
sve_load_predicates:
	each_predicate ldr
	ret

	.global sve_streaming_on
sve_streaming_on:
	.inst	0xd503437f /* smstart sm */
	ret

	.global sve_streaming_off
sve_streaming_off:
	.inst	0xd503427f /* smstop sm */
	ret
