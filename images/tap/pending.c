/* SPDX-License-Identifier: BSD-3-Clause */
#include "pending.h"

#include "cca_abi.h"

#define STATES 4u
#define LEVELS 4u
#define PAGE_MASK 0xFFFu
#define INSTRUCTION_BYTES 4u

static struct pending by_cpu[PENDING_CPUS][STATES][LEVELS];
static struct pending by_rec[PENDING_RECS];
static uint32_t recs;

static struct pending *find_rec(uint64_t rec)
{
	for (uint32_t n = 0; n < recs; n++)
		if (by_rec[n].rec == rec)
			return &by_rec[n];
	return 0;
}

static struct pending *new_rec(void)
{
	struct pending *oldest = &by_rec[0];

	if (recs < PENDING_RECS)
		return &by_rec[recs++];
	for (uint32_t n = 1; n < recs; n++)
		if (by_rec[n].call < oldest->call)
			oldest = &by_rec[n];
	return oldest;
}

static bool is_rec(const struct caller *caller)
{
	return caller->state == TAP_STATE_REALM && caller->level < 2 && caller->rec;
}

static struct pending *find(const struct caller *caller)
{
	if (is_rec(caller))
		return find_rec(caller->rec);
	return &by_cpu[caller->cpu % PENDING_CPUS][caller->state % STATES][caller->level % LEVELS];
}

void pending_put(const struct caller *caller, const struct pending *call)
{
	struct pending *slot = find(caller);

	if (!slot)
		slot = new_rec();
	*slot = *call;
	slot->rec = is_rec(caller) ? caller->rec : 0;
}

bool pending_take(const struct caller *caller, uint64_t pc, struct pending *call)
{
	struct pending *slot = find(caller);

	/*
	 * The offset in its page is compared, not the whole address: QEMU may run one
	 * translation for several virtual addresses of a page and names the first.
	 */
	if (!slot || !slot->call || ((slot->pc + INSTRUCTION_BYTES) ^ pc) & PAGE_MASK)
		return false;
	*call = *slot;
	if (slot->rec)
		*slot = by_rec[--recs];
	else
		slot->call = 0;
	return true;
}

void pending_forget(uint64_t rec)
{
	struct pending *slot = find_rec(rec);

	if (slot)
		*slot = by_rec[--recs];
}
