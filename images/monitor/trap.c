/* SPDX-License-Identifier: BSD-3-Clause */
#include <frame.h>
#include <print.h>

#include "guard.h"
#include "pe.h"
#include "trap.h"

#define VECTOR_SYNC 0x200
#define VECTOR_SERROR 0x380

static void __attribute__((noreturn)) panic(const struct exception_frame *frame, uint64_t vector)
{
	printk("\nMONITOR PANIC: unexpected exception on PE %u, vector 0x%lx\n", this_pe()->index, vector);
	exception_frame_print("MONITOR PANIC:", frame);
	for (;;)
		wfi();
}

void trap(struct exception_frame *frame, uint64_t vector)
{
	struct guard *guard = this_pe()->guard;

	if (guard == NULL || (vector != VECTOR_SYNC && vector != VECTOR_SERROR))
		panic(frame, vector);
	guard->esr = frame->esr;
	guard->elr = frame->elr;
	guard->far = frame->far;
	guard->hpfar = read_sysreg(hpfar_el2);
	frame->x[0] = (uint64_t)&guard->stack;
	frame->elr = (uint64_t)unwind_target;
}
