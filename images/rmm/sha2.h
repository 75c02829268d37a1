/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SHA-256 and SHA-512 of whole messages (FIPS 180-4).
 *
 * Invariants: one message is one call of sha2_start, any number of sha2_update,
 * one sha2_finish; no heap, no SIMD registers.
 */
#ifndef RMM_SHA2_H
#define RMM_SHA2_H

#include <stddef.h>
#include <stdint.h>

#define SHA2_MAX_SIZE 64

enum sha2_kind { SHA2_256, SHA2_512 };

struct sha2 {
	enum sha2_kind kind;
	uint64_t h[8]; /* SHA-256 uses the low words */
	uint64_t length; /* bytes so far */
	uint8_t block[128];
};

void sha2_start(struct sha2 *s, enum sha2_kind kind);
void sha2_update(struct sha2 *s, const void *data, size_t size);

/* Writes the hash and returns its size in bytes. */
size_t sha2_finish(struct sha2 *s, uint8_t hash[SHA2_MAX_SIZE]);

#endif
