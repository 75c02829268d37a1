/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RMI_REC_ENTER: one stay of a REC on a PE, from the host's entry to the exit that returns to the
 * host.
 *
 * Invariants
 * - The stay consists of steps into the Realm. After each, a handler decides between RUN_RESUME
 *   (the host sees nothing) and RUN_EXIT, for which it has filled `exit`.
 * - Handlers run with the RMM lock held and the Realm's register contexts loaded; `rec->gprs`,
 *   `pc` and `pstate` are as at the exception, and what they leave there is what the Realm
 *   continues with.
 * - `exit` starts as zero: fields that no handler names stay zero.
 */
#ifndef RMM_RUN_H
#define RMM_RUN_H

#include <stdint.h>

#include "realm.h"
#include "rec.h"

enum run_next {
	RUN_RESUME,
	RUN_EXIT,
};

struct run {
	struct rec *rec;
	struct rd *rd;
	const struct rmi_rec_enter *enter;
	struct rmi_rec_exit *exit;
	/* Syndrome of the last exception. */
	uint64_t esr;
	uint64_t far;
	uint64_t hpfar;
};

#endif
