/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdint.h>

#include <mem.h>

/* The loops below must not be turned into calls of the functions that they implement. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

/* May alias whatever the caller stores in the buffer. */
typedef uint64_t __attribute__((may_alias)) word_t;

static int word_aligned(const void *a, const void *b)
{
	return (((uintptr_t)a | (uintptr_t)b) & 7) == 0;
}

void *memset(void *destination, int byte, size_t size)
{
	unsigned char *d = destination;

	if (word_aligned(d, d)) {
		uint64_t word = (unsigned char)byte * 0x0101010101010101ull;

		for (; size >= 8; size -= 8, d += 8)
			*(word_t *)d = word;
	}
	for (; size > 0; size--)
		*d++ = (unsigned char)byte;
	return destination;
}

void *memcpy(void *destination, const void *source, size_t size)
{
	unsigned char *d = destination;
	const unsigned char *s = source;

	if (word_aligned(d, s))
		for (; size >= 8; size -= 8, d += 8, s += 8)
			*(word_t *)d = *(const word_t *)s;
	for (; size > 0; size--)
		*d++ = *s++;
	return destination;
}

void *memmove(void *destination, const void *source, size_t size)
{
	unsigned char *d = destination;
	const unsigned char *s = source;

	if ((uintptr_t)d - (uintptr_t)s >= size)
		return memcpy(destination, source, size);
	while (size-- > 0)
		d[size] = s[size];
	return destination;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *p = a;
	const unsigned char *q = b;

	for (; size > 0; size--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}
