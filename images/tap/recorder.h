/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From SMCs to records: which are kept, which memory belongs to them, which return is whose.
 *
 * Invariants:
 * - Safe for several threads: one lock covers the file, the pending calls and the counters.
 * - The RMM's RMM_RMI_REQ_COMPLETE and RMM_BOOT_COMPLETE have no RETURN: what they return is
 *   the next RMI call of the normal world, which has a record of its own.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#define RECORDER_REGISTERS 8u

struct moment {
	uint16_t cpu;
	uint8_t state;
	uint8_t level;
	bool complete;	/* all registers could be read */
	uint64_t pc;
	uint64_t instructions;
	uint64_t x[RECORDER_REGISTERS];
};

/* Opens the output and the guest's RAM. Says why it cannot. */
bool recorder_open(const struct options *options, uint32_t cpus, uint32_t api);

/* An SMC at moment->pc is about to execute. */
void recorder_call(const struct moment *moment);

/* The instruction after an SMC is about to execute. */
void recorder_return(const struct moment *moment);

void recorder_close(void);

#endif
