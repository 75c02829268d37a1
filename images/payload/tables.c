/* SPDX-License-Identifier: BSD-3-Clause */
#include <spinlock.h>
#include <sysreg.h>

#include "tables.h"

#define TABLE_ENTRIES 512
#define LEVEL0_SHIFT 39
#define LEVEL1_SHIFT 30
#define MOVABLE_TABLES 2
#define CACHE_LINE 64

#define TABLE_DESCRIPTOR 3ull
/* Block, AF, inner shareable, attribute index 0, EL1 read, write and execute. */
#define BLOCK_DESCRIPTOR (1ull | 1ull << 10 | 3ull << 8)

uint64_t level0_table[TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t first_table[TABLE_ENTRIES] __attribute__((aligned(4096)));
static uint64_t movable_tables[MOVABLE_TABLES][TABLE_ENTRIES] __attribute__((aligned(4096)));

/* In the loaded image, because .bss may start with any content. */
static struct {
	bool built;
	struct spinlock lock; /* guards the rest and the entries of movable tables */
	uint64_t turn; /* which movable table is reused next */
	uint64_t index[MOVABLE_TABLES]; /* their level 0 index, 0 if unused */
} state __attribute__((section(".data")));

static void fill(uint64_t *table, uint64_t index)
{
	for (uint64_t n = 0; n < TABLE_ENTRIES; n++)
		table[n] = index << LEVEL0_SHIFT | n << LEVEL1_SHIFT | BLOCK_DESCRIPTOR;
}

/* With the MMU off the stores bypass the caches: drop lines that would hide them from the walker. */
static void invalidate(const uint64_t *table)
{
	for (uint64_t a = (uint64_t)table; a < (uint64_t)(table + TABLE_ENTRIES); a += CACHE_LINE)
		__asm__ volatile("dc ivac, %0" : : "r"(a) : "memory");
}

void tables_build(void)
{
	if (state.built)
		return;
	for (uint64_t n = 0; n < TABLE_ENTRIES; n++)
		level0_table[n] = 0;
	fill(first_table, 0);
	level0_table[0] = (uint64_t)first_table | TABLE_DESCRIPTOR;
	invalidate(first_table);
	invalidate(level0_table);
	dsb(sy);
	state.built = true;
}

/* Break before make: no walk may see the table while it changes. */
static void move_table(uint64_t slot, uint64_t index)
{
	if (state.index[slot] != 0) {
		level0_table[state.index[slot]] = 0;
		dsb(ishst);
		__asm__ volatile("tlbi vmalle1is" : : : "memory");
		dsb(ish);
	}
	fill(movable_tables[slot], index);
	state.index[slot] = index;
	dsb(ishst);
	level0_table[index] = (uint64_t)movable_tables[slot] | TABLE_DESCRIPTOR;
	dsb(ishst);
	isb();
}

bool tables_map(uint64_t address)
{
	uint64_t index = address >> LEVEL0_SHIFT;

	if (index >= TABLE_ENTRIES)
		return false;
	spin_lock(&state.lock);
	if (level0_table[index] == 0) {
		move_table(state.turn, index);
		state.turn = (state.turn + 1) % MOVABLE_TABLES;
	}
	spin_unlock(&state.lock);
	return true;
}
