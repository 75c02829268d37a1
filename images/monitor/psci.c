/* SPDX-License-Identifier: BSD-3-Clause */
#include <print.h>
#include <sysreg.h>

#include "call.h"
#include "pe.h"
#include "psci.h"

#define START_TIMEOUT_S 8

extern char secondary_start[];

static int64_t psci_call(uint64_t fid, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t x[8] = { fid, a, b, c };

	smc_call(x, x);
	return (int64_t)x[0];
}

static uint32_t state_of(uint32_t pe)
{
	return __atomic_load_n(&mailboxes[pe].pe_state, __ATOMIC_ACQUIRE);
}

int64_t psci_cpu_on(uint32_t pe)
{
	uint64_t end = counter_ticks() + START_TIMEOUT_S * read_sysreg(cntfrq_el0);
	int64_t result;

	/* A PE that answered CPU_OFF a moment ago may still be on its way out. */
	do {
		result = psci_call(FID_PSCI_CPU_ON, pe, (uint64_t)secondary_start, pe);
	} while (result == PSCI_RETURN_CODE_ALREADY_ON && state_of(pe) == MONITOR_PE_STATE_OFF &&
		 counter_ticks() < end);
	if (result != PSCI_RETURN_CODE_SUCCESS)
		return result;
	while (state_of(pe) == MONITOR_PE_STATE_OFF) {
		if (counter_ticks() >= end)
			return PSCI_RETURN_CODE_INTERNAL_FAILURE;
		yield();
	}
	return result;
}

void psci_cpu_off(void)
{
	int64_t result = psci_call(FID_PSCI_CPU_OFF, 0, 0, 0);

	printk("MONITOR PANIC: CPU_OFF of PE %u returned %ld\n", this_pe()->index, result);
	for (;;)
		wfi();
}
