/* SPDX-License-Identifier: BSD-3-Clause */
/* RMI_GRANULE_DELEGATE and RMI_GRANULE_UNDELEGATE. */
#include "el3.h"
#include "granule.h"
#include "nsmem.h"
#include "panic.h"
#include "smc.h"

/*
 * A word of it can be read: the manifest may name DRAM that the machine lacks, which would be
 * noticed too late, with the granule in the Realm PAS and the wipe on the way.
 */
static bool is_there(uint64_t pa)
{
	uint64_t word;

	return ns_read(&word, pa, sizeof(word));
}

void rmi_granule_delegate(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t addr = x[1];

	if (!ns_page_ok(addr) || !is_there(addr) ||
	    el3_call(FID_RMM_GTSI_DELEGATE, addr) != RMM_EL3_STATUS_OK) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	granule_release(addr);
}

void rmi_granule_undelegate(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t addr = x[1];

	if (granule_find(addr, GRANULE_DELEGATED) == NULL) {
		rmi_fail(out, RMI_ERROR_INPUT);
		return;
	}
	granule_wipe(addr);
	if (el3_call(FID_RMM_GTSI_UNDELEGATE, addr) != RMM_EL3_STATUS_OK)
		panic("EL3 refused to undelegate a delegated granule");
	granule_set_state(addr, GRANULE_UNDELEGATED);
}
