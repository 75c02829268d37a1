/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RMI calls: handler type, results, dispatch.
 *
 * Invariants:
 * - A handler runs with the RMM lock held and its results zeroed; it writes
 *   x[0] (status and index) always and x[1..4] only where the table says so.
 * - rmi_rec_enter drops the lock while the REC runs and holds it again when it
 *   returns.
 * - Only x0..x4 leave the RMM, as x1..x5 of RMI_REQ_COMPLETE; x6..x30 are zero then.
 */
#ifndef RMM_SMC_H
#define RMM_SMC_H

#define SMC_RESULTS 5
#define SMC_ARGS 8

#ifndef __ASSEMBLER__
#include <stdint.h>

#include "cca_abi.h"

#define SMC_UNKNOWN UINT64_MAX

struct smc_result {
	uint64_t x[SMC_RESULTS];
};

/* x[0] is the FID, x[1..7] the arguments. */
typedef void smc_handler(const uint64_t x[SMC_ARGS], struct smc_result *out);

/* The x0 word of a command: status in bits 7:0, index in bits 15:8. */
static inline uint64_t rmi_code(uint64_t status, uint64_t index)
{
	return status | (index << RMI_COMMAND_RETURN_CODE_INDEX_SHIFT);
}

static inline void rmi_fail(struct smc_result *out, uint64_t status)
{
	out->x[0] = status;
}

static inline void rmi_fail_rtt(struct smc_result *out, int level)
{
	out->x[0] = rmi_code(RMI_ERROR_RTT, (uint64_t)level);
}

/* Handles one RMI call of the host; takes and drops the RMM lock. */
void smc_dispatch(const uint64_t x[SMC_ARGS], struct smc_result *out);

smc_handler rmi_version, rmi_features;
smc_handler rmi_granule_delegate, rmi_granule_undelegate;
smc_handler rmi_realm_create, rmi_realm_activate, rmi_realm_destroy;
smc_handler rmi_data_create, rmi_data_create_unknown, rmi_data_destroy;
smc_handler rmi_rtt_create, rmi_rtt_destroy, rmi_rtt_fold, rmi_rtt_read_entry;
smc_handler rmi_rtt_map_unprotected, rmi_rtt_unmap_unprotected;
smc_handler rmi_rtt_init_ripas, rmi_rtt_set_ripas;
smc_handler rmi_rec_aux_count, rmi_rec_create, rmi_rec_destroy, rmi_rec_enter;
smc_handler rmi_psci_complete;
#endif /* __ASSEMBLER__ */
#endif
