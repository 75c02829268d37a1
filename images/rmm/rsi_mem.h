/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RSI calls that work on memory of the Realm.
 *
 * Invariants: pc is at the SMC; see rsi.h for when it moves.
 */
#ifndef RMM_RSI_MEM_H
#define RMM_RSI_MEM_H

#include "run.h"

enum rsi_page {
	RSI_PAGE_BAD,     /* unprotected, or RIPAS EMPTY */
	RSI_PAGE_MISSING, /* the host must map it: see level */
	RSI_PAGE_OK,
};

/* Where `ipa` is; `memory` is set for RSI_PAGE_OK, `level` for RSI_PAGE_MISSING. */
enum rsi_page rsi_page_find(const struct rd *rd, uint64_t ipa, void **memory, int *level);

enum run_next rsi_realm_config(struct run *run);
enum run_next rsi_host_call(struct run *run);

/* Ends a pending RSI_HOST_CALL; RUN_EXIT if its page must be mapped again first. */
enum run_next rsi_complete_host_call(struct run *run);

#endif
