/* SPDX-License-Identifier: BSD-3-Clause */
#include <print.h>
#include <uart.h>

#include "gic.h"
#include "idle.h"
#include "layout.h"
#include "mailbox.h"
#include "serial.h"

struct pe pes[MONITOR_MAX_PES];

static void init_pe(struct pe *pe, uint32_t index)
{
	*pe = (struct pe){ .index = index };
	write_sysreg(tpidr_el2, (uint64_t)pe);
	isb();
	if (index == 0) {
		uart_init(UART_BASE);
		gic_init_distributor();
	}
	/* Reset leaves their enable bits unknown, CPU_OFF leaves them as they were. */
	write_sysreg(cnthp_ctl_el2, 0);
	write_sysreg(cnthv_ctl_el2, 0);
	gic_init_pe(index);
	mailbox_open(pe);
	if (index == 0)
		printk("MONITOR READY\n");
}

void monitor_main(uint64_t index)
{
	struct pe *pe = &pes[index];
	struct idle idle;

	init_pe(pe, (uint32_t)index);
	idle_reset(&idle);
	for (;;) {
		bool worked = mailbox_serve(pe);

		if (index == 0)
			worked |= serial_poll(pe);
		if (worked)
			idle_reset(&idle);
		else
			idle_pause(&idle);
	}
}
