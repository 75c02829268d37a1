/* SPDX-License-Identifier: BSD-3-Clause */
#include <frame_asm.h>

	.section .text.vectors, "ax"
	.balign	2048
	.global vectors
vectors:
	vector_table 2, trap
