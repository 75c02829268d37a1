/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 1 translation tables: one to one, all Normal write-back, all access.
 *
 * Invariants: the first 512 GiB are always mapped. Of the rest of the 48-bit space, two
 * pieces of 512 GiB are mapped at a time, as accesses need them, so that the image stays
 * small and the tables do not depend on the IPA width; two, because one access may cross
 * from one piece to the next. Building is idempotent and done with the MMU off, once per
 * realm; all RECs share the tables.
 */
#ifndef PAYLOAD_TABLES_H
#define PAYLOAD_TABLES_H

#include <stdbool.h>
#include <stdint.h>

void tables_build(void);
/* Map the piece with this address after a translation fault. False if it can not be mapped. */
bool tables_map(uint64_t address);

#endif
