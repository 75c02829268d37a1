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
	SLOT(REALM_CREATE) = rmi_realm_create,
	SLOT(REALM_ACTIVATE) = rmi_realm_activate,
	SLOT(REALM_DESTROY) = rmi_realm_destroy,
	SLOT(DATA_CREATE) = rmi_data_create,
	SLOT(DATA_CREATE_UNKNOWN) = rmi_data_create_unknown,
	SLOT(DATA_DESTROY) = rmi_data_destroy,
	SLOT(RTT_CREATE) = rmi_rtt_create,
	SLOT(RTT_DESTROY) = rmi_rtt_destroy,
	SLOT(RTT_FOLD) = rmi_rtt_fold,
	SLOT(RTT_READ_ENTRY) = rmi_rtt_read_entry,
	SLOT(RTT_MAP_UNPROTECTED) = rmi_rtt_map_unprotected,
	SLOT(RTT_UNMAP_UNPROTECTED) = rmi_rtt_unmap_unprotected,
	SLOT(RTT_INIT_RIPAS) = rmi_rtt_init_ripas,
	SLOT(RTT_SET_RIPAS) = rmi_rtt_set_ripas,
	SLOT(REC_AUX_COUNT) = rmi_rec_aux_count,
	SLOT(REC_CREATE) = rmi_rec_create,
	SLOT(REC_DESTROY) = rmi_rec_destroy,
	SLOT(REC_ENTER) = rmi_rec_enter,
	SLOT(PSCI_COMPLETE) = rmi_psci_complete,
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
