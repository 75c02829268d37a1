/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's RAM as the tap sees it, and the copies that go into records.
 *
 * Invariants:
 * - RAM is only read: the tap changes nothing in the guest.
 * - RAM that is told of later lies in this process; it is there until the process ends.
 * - A copy is a set of 64-byte lines in ascending order; lines that are all zero are left
 *   out, except for the first, which says where the copy begins.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cca_abi.h"

struct memory {
	const uint8_t *bytes;	/* NULL: not known, or not yet */
	uint64_t base;
	uint64_t size;
	int told;		/* file that will hold the address of the bytes; 0: none */
};

/* Maps the file behind the guest's RAM. Says why it cannot. */
bool memory_open(struct memory *memory, const char *path, uint64_t base);

/*
 * Takes RAM whose address in this process whoever started it writes to a file later, as eight
 * bytes, not zero. Says why it cannot.
 */
bool memory_await(struct memory *memory, const char *path, uint64_t base, uint64_t size);

/*
 * Writes the lines of a range behind a record, and their number, span and what went wrong
 * into the record. The lines must have room for size_bytes / TAP_LINE_BYTES.
 */
void memory_copy(struct memory *memory, struct tap_record *record, uint64_t base,
		 uint32_t size_bytes);

#endif
