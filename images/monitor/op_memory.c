/* SPDX-License-Identifier: BSD-3-Clause */
#include <mem.h>

#include "access.h"
#include "ops.h"

#define GRANULE_SIZE 4096
#define PROBE_MAX 16384

static void copy(uint64_t destination, uint64_t source, uint64_t size)
{
	memcpy((void *)destination, (const void *)source, size);
	dsb(sy);
}

static void fill(uint64_t destination, uint64_t size, uint64_t byte)
{
	memset((void *)destination, (int)byte, size);
	dsb(sy);
}

static void fetch(uint64_t pa, uint64_t unused_b, uint64_t unused_c)
{
	(void)unused_b;
	(void)unused_c;
	__asm__ volatile("ic ialluis\n\tdsb ish\n\tisb" : : : "memory");
	((void (*)(void))pa)();
}

uint64_t op_read(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;
	uint64_t value = 0;

	(void)pe;
	if (!access_width_valid(box->args[1]))
		return MONITOR_STATUS_BAD_ARG;
	if (!guard_run(&guard, access_read, box->args[0], box->args[1], (uint64_t)&value))
		return ops_fault(box, &guard);
	box->values[0] = value;
	return MONITOR_STATUS_OK;
}

uint64_t op_write(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;

	(void)pe;
	if (!access_width_valid(box->args[1]))
		return MONITOR_STATUS_BAD_ARG;
	if (!guard_run(&guard, access_write, box->args[0], box->args[1], box->args[2]))
		return ops_fault(box, &guard);
	return MONITOR_STATUS_OK;
}

uint64_t op_read_block(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;

	if (box->args[1] > sizeof(box->data))
		return MONITOR_STATUS_BAD_ARG;
	if (!guard_run(&guard, copy, (uint64_t)box->data, box->args[0], box->args[1]))
		return ops_fault(box, &guard);
	pe->answer_bytes = (uint32_t)box->args[1];
	return MONITOR_STATUS_OK;
}

uint64_t op_write_block(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;

	(void)pe;
	if (box->args[1] > sizeof(box->data))
		return MONITOR_STATUS_BAD_ARG;
	if (!guard_run(&guard, copy, box->args[0], (uint64_t)box->data, box->args[1]))
		return ops_fault(box, &guard);
	return MONITOR_STATUS_OK;
}

uint64_t op_fill(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;

	(void)pe;
	if (!guard_run(&guard, fill, box->args[0], box->args[1], box->args[2]))
		return ops_fault(box, &guard);
	return MONITOR_STATUS_OK;
}

uint64_t op_probe(struct pe *pe, struct monitor_mailbox *box)
{
	uint64_t pa = box->args[0];
	uint64_t granules = box->args[1];
	struct guard guard;
	uint64_t unused;

	if (pa % GRANULE_SIZE != 0 || granules > PROBE_MAX)
		return MONITOR_STATUS_BAD_ARG;
	pe->answer_bytes = (uint32_t)(granules + 7) / 8;
	memset(box->data, 0, pe->answer_bytes);
	for (uint64_t n = 0; n < granules; n++) {
		if (guard_run(&guard, access_read, pa + n * GRANULE_SIZE, 8, (uint64_t)&unused))
			continue;
		box->data[n / 8] |= (uint8_t)(1u << (n % 8));
		box->values[0]++;
	}
	return MONITOR_STATUS_OK;
}

uint64_t op_fetch(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;

	(void)pe;
	if (!guard_run(&guard, fetch, box->args[0], 0, 0))
		return ops_fault(box, &guard);
	return MONITOR_STATUS_OK;
}
