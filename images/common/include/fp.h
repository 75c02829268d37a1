/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SIMD registers v0..v31 from and to memory.
 *
 * Invariants: 512 bytes, v0 first, 16-byte aligned; no other code of an image touches
 * v0..v31, as the compiler is told to use general registers only.
 */
#ifndef COMMON_FP_H
#define COMMON_FP_H

#define FP_BYTES 512

void fp_load(const void *values);
void fp_store(void *values);

#endif
