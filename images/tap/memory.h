/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's RAM as the tap sees it, and the copies that go into records.
 *
 * Invariants:
 * - RAM is only read: the tap changes nothing in the guest.
 * - A copy is a set of 64-byte lines in ascending order; lines that are all zero are left
 *   out, except for the first, which says where the copy begins.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cca_abi.h"

struct memory {
	const uint8_t *bytes;	/* NULL: the guest's RAM is not shared with the tap */
	uint64_t base;
	uint64_t size;
};

/* Maps the file behind the guest's RAM. Says why it cannot. */
bool memory_open(struct memory *memory, const char *path, uint64_t base);

/*
 * Writes the lines of a range behind a record, and their number, span and what went wrong
 * into the record. The lines must have room for size_bytes / TAP_LINE_BYTES.
 */
void memory_copy(const struct memory *memory, struct tap_record *record, uint64_t base,
		 uint32_t size_bytes);

#endif
