/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file of records: appended to through a window of it that is mapped, so that what was
 * recorded survives a QEMU that is killed, and a reader sees it at once.
 *
 * Invariants:
 * - The file's order is the order of `seq` and of time.
 * - `header.records` counts complete records only; what lies behind them means nothing.
 * - Disk blocks are there before they are written to: a full disk loses records, it does
 *   not end QEMU with a bus error.
 * - A record that cannot be stored uses up its `seq`, is counted in `header.lost`, and a
 *   LOST record stands where the next one that can be stored follows.
 * - A group of records is stored as a whole or not at all.
 * - Not safe for several threads: the recorder has the lock.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "cca_abi.h"

#define SPOOL_WINDOW_BYTES (1u << 20)
#define SPOOL_GROUP_MAX 80u

struct spool {
	int fd;
	struct tap_header *header;
	uint8_t *window;	/* NULL: none could be had */
	uint64_t window_first;	/* index of its first record */
	uint64_t reserved;	/* records that the file has blocks for */
	uint64_t limit;		/* most records that the file may have */
	uint64_t records;
	uint64_t next_seq;
	uint64_t lost_now;	/* not yet marked by a LOST record */
	uint64_t retry_ns;	/* after a refusal: when to ask for room again */
};

uint64_t spool_now_ns(void);

/* Makes the file, with a header that lacks what only the caller knows. Says why it cannot. */
bool spool_open(struct spool *spool, const char *path, uint64_t limit_bytes);

/* Appends 1 to SPOOL_GROUP_MAX records, numbering them; returns the first one's seq. */
uint64_t spool_append(struct spool *spool, struct tap_record *group, uint32_t count);

/* Cuts the file to what was written. Nothing may be appended afterwards. */
void spool_close(struct spool *spool);

#endif
