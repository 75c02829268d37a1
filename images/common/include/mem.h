/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory functions of the C library that compilers may call.
 *
 * Invariants: buffers that are both 8-byte aligned are moved in 8-byte accesses, all
 * others in single bytes, from low to high addresses (memmove: as overlap demands).
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stddef.h>

void *memset(void *destination, int byte, size_t size);
void *memcpy(void *destination, const void *source, size_t size);
void *memmove(void *destination, const void *source, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
