/* SPDX-License-Identifier: BSD-3-Clause */
#include <sysreg.h>
#include <unwind.h>

#include "ops.h"

/* One instruction each; a skipped load leaves zero. */
#define LOAD(insn, address, value) __asm__ volatile(insn ", [%1]" : "+r"(value) : "r"(address) : "memory")
#define STORE(insn, address, value) __asm__ volatile(insn ", [%1]" : : "r"(value), "r"(address) : "memory")

bool op_read(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t value = 0;

	(void)rec;
	switch (args[1]) {
	case 1:
		LOAD("ldrb %w0", args[0], value);
		break;
	case 2:
		LOAD("ldrh %w0", args[0], value);
		break;
	case 4:
		LOAD("ldr %w0", args[0], value);
		break;
	case 8:
		LOAD("ldr %0", args[0], value);
		break;
	default:
		return false;
	}
	values[0] = value;
	return true;
}

bool op_write(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	(void)values;
	switch (args[1]) {
	case 1:
		STORE("strb %w0", args[0], args[2]);
		break;
	case 2:
		STORE("strh %w0", args[0], args[2]);
		break;
	case 4:
		STORE("str %w0", args[0], args[2]);
		break;
	case 8:
		STORE("str %0", args[0], args[2]);
		break;
	default:
		return false;
	}
	/* What the store causes happens in this command. */
	dsb(sy);
	return true;
}

static void fetch(uint64_t ipa, uint64_t result, uint64_t unused)
{
	(void)unused;
	*(uint64_t *)result = ((uint64_t (*)(void))ipa)();
}

bool op_fetch(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	__asm__ volatile("ic iallu\n\tdsb ish\n\tisb" : : : "memory");
	rec->fetching = 1;
	unwind_call(&rec->fetch_stack, fetch, args[0], (uint64_t)&values[0], 0);
	rec->fetching = 0;
	return true;
}

bool op_touch(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t address = args[0];

	(void)rec;
	for (uint64_t n = 0; n < args[1]; n++, address += args[2]) {
		uint64_t value = 0;

		LOAD("ldrb %w0", address, value);
		values[0] += value;
	}
	return true;
}

bool op_fill(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	(void)values;
	for (uint64_t offset = 0; offset + 8 <= args[1]; offset += 8)
		STORE("str %0", args[0] + offset, args[2]);
	dsb(sy);
	return true;
}

bool op_sum(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	for (uint64_t offset = 0; offset + 8 <= args[1]; offset += 8) {
		uint64_t value = 0;

		LOAD("ldr %0", args[0] + offset, value);
		values[0] += value;
	}
	return true;
}

bool op_spin_until(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t start = counter_ticks();

	(void)rec;
	do {
		uint64_t value = 0;

		LOAD("ldr %0", args[0], value);
		values[1] = value;
		if (value == args[1]) {
			values[0] = 1;
			break;
		}
		yield();
	} while (counter_ticks() - start < args[2]);
	return true;
}
