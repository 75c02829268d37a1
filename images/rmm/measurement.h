/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Realm measurements: the RIM (slot 0) and the four REMs (slots 1..4).
 *
 * Invariants:
 * - A slot is MEASUREMENT_SIZE bytes: the hash, left aligned, then zeroes.
 * - Callers extend the RIM only while the Realm is NEW.
 */
#ifndef RMM_MEASUREMENT_H
#define RMM_MEASUREMENT_H

#include <stddef.h>
#include <stdint.h>

#include "realm.h"

/* Needs rd->hash_algo; sets the RIM and zeroes the REMs. */
void measurement_realm_create(struct rd *rd, const struct rmi_realm_params *params);

/* content: the granule, or NULL unless flags has MEASURE_CONTENT. */
void measurement_data_create(struct rd *rd, uint64_t ipa, uint64_t flags,
			     const void *content);

/* Extends the RIM if the REC is created RUNNABLE, does nothing otherwise. */
void measurement_rec_create(struct rd *rd, const struct rmi_rec_params *params);

/* One RTT entry of RTT_INIT_RIPAS. */
void measurement_init_ripas(struct rd *rd, uint64_t base, uint64_t top);

/* index 1..4, size 0..64: new REM = H(old REM || data). */
void measurement_extend_rem(struct rd *rd, unsigned int index, const void *data,
			    size_t size);

/* Bytes of a hash of the Realm's algorithm. */
size_t measurement_hash_size(const struct rd *rd);

#endif
