/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Boot entry, the loop of RMI calls, and the vectors of R-EL2.
 */
#include <frame_asm.h>

#include "cca_abi.h"
#include "pe.h"

#define RESULT_OFFSET 64 /* results of smc_dispatch behind its 8 arguments */
#define CALL_FRAME 112

#define VECTOR_SYNC 0
#define VECTOR_IRQ 1
#define VECTOR_FIQ 2
#define VECTOR_SERROR 3
#define VECTOR_OTHER 4

/*
 * From EL3, MMU off: x0 PE index; on the first boot x1 interface version,
 * x2 number of PEs, x3 shared buffer.
 */
	.section .text.entry, "ax"
	.global rmm_entry
rmm_entry:
	mov	x19, x0
	mov	x20, x1
	mov	x21, x2
	mov	x22, x3
	msr	daifset, #0xf
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el2, x0
	isb

	cmp	x19, #RMM_MAX_PES
	mov	x1, #RMM_BOOT_CODE_CPU_ID_OUT_OF_RANGE
	b.hs	boot_complete

	adrp	x0, stacks
	add	x0, x0, :lo12:stacks
	add	x1, x19, #1
	add	x0, x0, x1, lsl #RMM_STACK_SHIFT
	mov	sp, x0
	/* Early: an exception on the way reads it. */
	adrp	x25, pe_table
	add	x25, x25, :lo12:pe_table
	mov	x1, #PE_SIZE
	madd	x25, x19, x1, x25
	msr	tpidr_el2, x25

	adrp	x23, first_boot_done
	ldr	w24, [x23, :lo12:first_boot_done]
	cbnz	w24, 2f

	/* The first PE clears .bss and builds the tables before any PE uses them. */
	adrp	x0, bss_start
	adrp	x1, bss_end
	add	x1, x1, :lo12:bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	bl	xlat_build

2:	bl	xlat_enable
	str	w19, [x25, #PE_INDEX]
	bl	pe_setup
	cbnz	w24, 3f

	mov	x0, x19
	mov	x1, x20
	mov	x2, x21
	mov	x3, x22
	bl	boot_first
	/* Later PEs read the flag with their MMU off. */
	add	x23, x23, :lo12:first_boot_done
	mov	w1, #1
	str	w1, [x23]
	dc	civac, x23
	dsb	sy
	b	4f
3:	bl	boot_next
4:	sxtw	x1, w0
boot_complete:
	ldr	x0, =FID_RMM_BOOT_COMPLETE

	/*
	 * The SMC gives the PE to EL3 and returns with the next RMI call in
	 * x0..x7. Before it, x1..x5 hold the results of the last call.
	 */
rmi_loop:
	mov	x6, xzr
	mov	x7, xzr
	mov	x8, xzr
	mov	x9, xzr
	mov	x10, xzr
	mov	x11, xzr
	mov	x12, xzr
	mov	x13, xzr
	mov	x14, xzr
	mov	x15, xzr
	mov	x16, xzr
	mov	x17, xzr
	mov	x18, xzr
	mov	x19, xzr
	mov	x20, xzr
	mov	x21, xzr
	mov	x22, xzr
	mov	x23, xzr
	mov	x24, xzr
	mov	x25, xzr
	mov	x26, xzr
	mov	x27, xzr
	mov	x28, xzr
	mov	x29, xzr
	mov	x30, xzr
	smc	#0
	sub	sp, sp, #CALL_FRAME
	stp	x0, x1, [sp, #0]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	mov	x0, sp
	add	x1, sp, #RESULT_OFFSET
	bl	smc_dispatch
	ldp	x1, x2, [sp, #RESULT_OFFSET]
	ldp	x3, x4, [sp, #RESULT_OFFSET + 16]
	ldr	x5, [sp, #RESULT_OFFSET + 32]
	add	sp, sp, #CALL_FRAME
	ldr	x0, =FID_RMM_RMI_REQ_COMPLETE
	b	rmi_loop
	.ltorg

	.data
	.balign	64
first_boot_done:
	.word	0

	.section .noinit, "aw", %nobits
	.balign	4096
stacks:
	.space	RMM_MAX_PES << RMM_STACK_SHIFT

	.macro slot_panic vector
	.balign	128
	frame_save 2
	mov	x0, sp
	mov	x1, #\vector
	b	panic_exception
	.endm

	.macro slot_branch target
	.balign	128
	b	\target
	.endm

	.text
	.balign	2048
vectors:
	/* Current EL with SP_EL0: never selected. */
	slot_panic VECTOR_OTHER
	slot_panic VECTOR_OTHER
	slot_panic VECTOR_OTHER
	slot_panic VECTOR_OTHER
	/* Current EL with SP_EL2. */
	slot_branch sync_at_el2
	slot_panic VECTOR_IRQ
	slot_panic VECTOR_FIQ
	slot_panic VECTOR_SERROR
	/* The Realm, AArch64. */
	slot_branch realm_exit_sync
	slot_branch realm_exit_irq
	slot_branch realm_exit_fiq
	slot_branch realm_exit_serror
	/* The same for AArch32, which a Realm may use at EL0. */
	slot_branch realm_exit_sync
	slot_branch realm_exit_irq
	slot_branch realm_exit_fiq
	slot_branch realm_exit_serror

	/* A data abort in ns_copy or at_s1_read makes these fail; all else panics. */
sync_at_el2:
	stp	x0, x1, [sp, #-16]!
	mrs	x0, esr_el2
	lsr	x0, x0, #26
	cmp	x0, #0x25
	b.ne	1f
	mrs	x0, elr_el2
	adrp	x1, at_s1_read
	add	x1, x1, :lo12:at_s1_read
	cmp	x0, x1
	b.eq	2f
	adrp	x1, ns_copy
	add	x1, x1, :lo12:ns_copy
	cmp	x0, x1
	b.lo	1f
	adrp	x1, ns_copy_end
	add	x1, x1, :lo12:ns_copy_end
	cmp	x0, x1
	b.hs	1f
	adrp	x0, ns_copy_fault
	add	x0, x0, :lo12:ns_copy_fault
	b	3f
2:	adrp	x0, at_s1_read_fault
	add	x0, x0, :lo12:at_s1_read_fault
3:	msr	elr_el2, x0
	ldp	x0, x1, [sp], #16
	eret
1:	ldp	x0, x1, [sp], #16
	frame_save 2
	mov	x0, sp
	mov	x1, #VECTOR_SYNC
	b	panic_exception

/*
 * bool ns_copy(void *dst, const void *src, size_t words): 64-bit words, false
 * after a data abort. Nothing but these accesses can be interrupted, so the
 * fault path may assume the registers of the call.
 */
	.global ns_copy
ns_copy:
	cbz	x2, 2f
1:	ldr	x3, [x1], #8
	str	x3, [x0], #8
	subs	x2, x2, #1
	b.ne	1b
2:	mov	x0, #1
	ret
ns_copy_end:
ns_copy_fault:
	mov	x0, #0
	ret

/*
 * uint64_t at_s1_read(uint64_t va): PAR_EL1 after AT S1E1R, or its F bit alone
 * after a data abort of the walk: the Realm's tables may lie in what the host
 * took away, or where there is no memory. Only the AT can be interrupted.
 */
	.global at_s1_read
at_s1_read:
	at	s1e1r, x0
	isb
	mrs	x0, par_el1
	ret
at_s1_read_fault:
	mov	x0, #1
	ret
