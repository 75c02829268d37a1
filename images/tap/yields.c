/* SPDX-License-Identifier: BSD-3-Clause */
#include "yields.h"

#include <sched.h>

#define YIELD_BITS 0xD503203Fu
#define WFE_BITS 0xD503205Fu

static void on_wait(unsigned int cpu, void *userdata)
{
	(void)cpu;
	(void)userdata;
	sched_yield();
}

void yields_instrument(struct qemu_plugin_tb *tb, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, n);
		uint32_t word = 0;

		if (qemu_plugin_insn_data(insn, &word, sizeof(word)) == sizeof(word) &&
		    (word == YIELD_BITS || word == WFE_BITS))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wait, TAP_CB_NO_REGS, NULL);
	}
}
