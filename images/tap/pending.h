/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls whose return has not been seen yet.
 *
 * Invariants:
 * - A caller waits for one call at a time. A caller is a CPU in one security state at one
 *   exception level; below R-EL2 it is a REC, which may be entered on another CPU than the
 *   one that it left.
 * - A new call of the same caller replaces one that never returned.
 */
#ifndef PENDING_H
#define PENDING_H

#include <stdbool.h>
#include <stdint.h>

#define PENDING_CPUS 512u
#define PENDING_RECS 256u

struct caller {
	uint16_t cpu;
	uint8_t state;
	uint8_t level;
	uint64_t rec;	/* the REC that the CPU runs, 0 for none */
};

struct pending {
	uint64_t call;	/* seq of the CALL, 0: nothing is pending */
	uint64_t pc;
	uint64_t fid;
	uint64_t x1;
	uint64_t x2;
	uint64_t x3;
	uint64_t rec;	/* of a caller that is a REC */
};

void pending_put(const struct caller *caller, const struct pending *call);

/* Takes the caller's call out if its SMC is the instruction before `pc`. */
bool pending_take(const struct caller *caller, uint64_t pc, struct pending *call);

/* A REC has come into being or is gone: what is known of one at this address is void. */
void pending_forget(uint64_t rec);

#endif
