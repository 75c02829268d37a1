/* SPDX-License-Identifier: BSD-3-Clause */
#include "panic.h"

#include <print.h>
#include <sysreg.h>

#include "pe.h"

static _Noreturn void halt(void)
{
	for (;;)
		wfi();
}

void panic(const char *what)
{
	printk("RMM PANIC: %s (PE %u)\n", what, pe_this()->index);
	halt();
}

void panic_exception(const struct exception_frame *frame, unsigned int vector)
{
	static const char *const names[] = { "synchronous exception", "IRQ", "FIQ", "SError",
					     "exception from an unused vector" };

	printk("RMM PANIC: %s at R-EL2 (PE %u)\n", names[vector], pe_this()->index);
	exception_frame_print("RMM:", frame);
	halt();
}
