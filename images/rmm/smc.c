/* SPDX-License-Identifier: BSD-3-Clause */
#include "smc.h"

#include <stddef.h>

#include "lock.h"

#define FID_SVE_HINT (1UL << 16) /* SMCCC: says nothing about the call itself */
#define FID_FIRST FID_RMI_VERSION
#define SLOT(name) [FID_RMI_##name - FID_FIRST]

static smc_handler *const handlers[] = {
	SLOT(VERSION) = rmi_version,
	SLOT(FEATURES) = rmi_features,
	SLOT(GRANULE_DELEGATE) = rmi_granule_delegate,
	SLOT(GRANULE_UNDELEGATE) = rmi_granule_undelegate,
};

void smc_dispatch(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	uint64_t n = (x[0] & ~FID_SVE_HINT) - FID_FIRST;

	*out = (struct smc_result){ 0 };
	if (n >= sizeof(handlers) / sizeof(handlers[0]) || handlers[n] == NULL) {
		out->x[0] = SMC_UNKNOWN;
		return;
	}
	rmm_lock();
	handlers[n](x, out);
	rmm_unlock();
}
