/* SPDX-License-Identifier: BSD-3-Clause */
#include <frame.h>
#include <print.h>

void exception_frame_print(const char *prefix, const struct exception_frame *frame)
{
	printk("%s esr 0x%016lx far 0x%016lx\n", prefix, frame->esr, frame->far);
	printk("%s elr 0x%016lx spsr 0x%lx sp 0x%lx\n", prefix, frame->elr, frame->spsr, frame->sp);
	for (unsigned int n = 0; n < 30; n += 3)
		printk("%s x%02u 0x%016lx x%02u 0x%016lx x%02u 0x%016lx\n", prefix, n, frame->x[n],
		       n + 1, frame->x[n + 1], n + 2, frame->x[n + 2]);
	printk("%s x30 0x%016lx\n", prefix, frame->x[30]);
}
