/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include <sysreg.h>

#include "tables.h"

#define TABLE_ENTRIES 512
#define LEVEL0_SHIFT 39
#define LEVEL1_SHIFT 30
#define LEVEL1_TABLES 3
#define CACHE_LINE 64

#define TABLE_DESCRIPTOR 3ull
/* Block, AF, inner shareable, attribute index 0, EL1 read, write and execute. */
#define BLOCK_DESCRIPTOR (1ull | 1ull << 10 | 3ull << 8)

uint64_t level0_table[TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t level1_tables[LEVEL1_TABLES][TABLE_ENTRIES] __attribute__((aligned(4096)));

/* In the loaded image, because .bss may start with any content. */
static bool built __attribute__((section(".data")));

/* With the MMU off the stores bypass the caches: drop lines that would hide them from the walker. */
static void invalidate(const uint64_t *table)
{
	for (uint64_t a = (uint64_t)table; a < (uint64_t)(table + TABLE_ENTRIES); a += CACHE_LINE)
		__asm__ volatile("dc ivac, %0" : : "r"(a) : "memory");
}

static void map_512_gib(uint64_t *table, uint64_t index)
{
	for (uint64_t n = 0; n < TABLE_ENTRIES; n++)
		table[n] = index << LEVEL0_SHIFT | n << LEVEL1_SHIFT | BLOCK_DESCRIPTOR;
	invalidate(table);
	level0_table[index] = (uint64_t)table | TABLE_DESCRIPTOR;
}

void tables_build(uint64_t ipa_width)
{
	uint64_t unprotected = 1ull << (ipa_width - 1) >> LEVEL0_SHIFT;
	uint64_t beyond = 1ull << ipa_width >> LEVEL0_SHIFT;

	if (built)
		return;
	for (uint64_t n = 0; n < TABLE_ENTRIES; n++)
		level0_table[n] = 0;
	map_512_gib(level1_tables[0], 0);
	if (unprotected != 0)
		map_512_gib(level1_tables[1], unprotected);
	if (beyond != 0 && beyond < TABLE_ENTRIES)
		map_512_gib(level1_tables[2], beyond);
	invalidate(level0_table);
	dsb(sy);
	built = true;
}
