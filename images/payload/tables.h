/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 1 translation tables: one to one, all Normal write-back, all access.
 *
 * Invariants: mapped are the first 512 GiB of the protected half, of the unprotected half
 * and of what lies above the IPA space (the latter two where they are not part of the
 * same 512 GiB anyway). Building is idempotent and done with the MMU off, once per realm.
 */
#ifndef PAYLOAD_TABLES_H
#define PAYLOAD_TABLES_H

#include <stdint.h>

void tables_build(uint64_t ipa_width);

#endif
