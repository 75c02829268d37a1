/* SPDX-License-Identifier: BSD-3-Clause */
#include "granule.h"

#include <mem.h>
#include <sysreg.h>

#define BANKS_MAX 4
#define CTR_DMINLINE_SHIFT 16
#define GRANULES_MAX (8UL << (30 - GRANULE_SHIFT)) /* 8 GiB */

struct bank {
	uint64_t base;
	uint64_t count; /* granules */
	uint8_t *states;
};

/* Cleared per bank as it is added: boot need not clear what no bank uses. */
static uint8_t state_bytes[GRANULES_MAX] __attribute__((section(".noinit"), aligned(4096)));
static uint64_t state_bytes_used;
static struct bank banks[BANKS_MAX];
static unsigned int bank_count;

/* DC ZVA is the quickest way to zeroes, and needs no SIMD. */
static void zero_lines(void *start, uint64_t size_bytes)
{
	uint64_t line = 4UL << (read_sysreg(dczid_el0) & 0xf);
	uintptr_t end = (uintptr_t)start + size_bytes;

	for (uintptr_t p = (uintptr_t)start; p < end; p += line)
		__asm__ volatile("dc zva, %0" : : "r"(p) : "memory");
}

bool granule_add_bank(uint64_t base, uint64_t size_bytes)
{
	uint64_t count = size_bytes >> GRANULE_SHIFT;

	if (bank_count == BANKS_MAX || count > GRANULES_MAX - state_bytes_used)
		return false;
	banks[bank_count++] = (struct bank){ base, count, &state_bytes[state_bytes_used] };
	state_bytes_used += count;
	memset(banks[bank_count - 1].states, GRANULE_UNDELEGATED, count);
	return true;
}

static uint8_t *state_of(uint64_t pa)
{
	for (unsigned int i = 0; i < bank_count; i++) {
		uint64_t n = (pa - banks[i].base) >> GRANULE_SHIFT;

		if (pa >= banks[i].base && n < banks[i].count)
			return &banks[i].states[n];
	}
	return NULL;
}

bool granule_is_tracked(uint64_t pa)
{
	return granule_aligned(pa) && state_of(pa) != NULL;
}

enum granule_state granule_state(uint64_t pa)
{
	return (enum granule_state)*state_of(pa);
}

void granule_set_state(uint64_t pa, enum granule_state state)
{
	*state_of(pa) = (uint8_t)state;
}

void *granule_find(uint64_t pa, enum granule_state expected)
{
	if (!granule_is_tracked(pa) || granule_state(pa) != expected)
		return NULL;
	return (void *)pa;
}

void granule_wipe(uint64_t pa)
{
	zero_lines((void *)pa, GRANULE_SIZE);
	dsb(ish);
}

void granule_make_fetchable(uint64_t pa)
{
	uint64_t line = 4UL << ((read_sysreg(ctr_el0) >> CTR_DMINLINE_SHIFT) & 0xf);

	for (uint64_t at = pa; at < pa + GRANULE_SIZE; at += line)
		__asm__ volatile("dc cvau, %0" : : "r"(at) : "memory");
	dsb(ish);
	__asm__ volatile("ic ialluis" : : : "memory");
	dsb(ish);
}

void granule_release(uint64_t pa)
{
	granule_wipe(pa);
	granule_set_state(pa, GRANULE_DELEGATED);
}
