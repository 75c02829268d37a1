/* SPDX-License-Identifier: BSD-3-Clause */
#include <mem.h>
#include <sysreg.h>

#include "execute.h"
#include "ops.h"

#define INSN_BRANCH 0x14000000u
#define BRANCH_OFFSET_MASK 0x03ffffffu
#define CODE_WORDS 2

static uint64_t file_get(const uint64_t *file, uint64_t number)
{
	return number < EXECUTE_REGISTERS ? file[number] : 0;
}

static void file_set(uint64_t *file, uint64_t number, uint64_t value)
{
	if (number < EXECUTE_REGISTERS)
		file[number] = value;
}

/* The register file of the request: rn, rt and rt2 on top of the pattern. */
static void file_prepare(uint64_t *file, const uint64_t *args)
{
	for (uint64_t n = 0; n < EXECUTE_REGISTERS; n++)
		file[n] = PAYLOAD_PATTERN * (n + 1);
	file_set(file, args[1], args[2]);
	file_set(file, args[3], args[4]);
	file_set(file, args[5], args[6]);
}

static uint32_t branch_to(const char *target, const uint32_t *from)
{
	int64_t words = ((int64_t)target - (int64_t)from) / 4;

	return INSN_BRANCH | ((uint32_t)words & BRANCH_OFFSET_MASK);
}

static void write_code(uint32_t *code, uint32_t insn)
{
	code[0] = insn;
	code[1] = branch_to(execute_return, &code[1]);
	for (unsigned int n = 0; n < CODE_WORDS; n++)
		__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" : : "r"(&code[n]) : "memory");
	dsb(ish);
	isb();
}

bool op_execute(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t file[EXECUTE_REGISTERS];

	file_prepare(file, args);
	write_code(rec->code, (uint32_t)args[0]);
	execute_code(file, rec->code);
	values[0] = file_get(file, args[1]);
	values[1] = file_get(file, args[3]);
	values[2] = file_get(file, args[5]);
	/* A second file would not fit the stack: recompute what each register was. */
	for (uint64_t n = 0; n < EXECUTE_REGISTERS; n++) {
		uint64_t before = PAYLOAD_PATTERN * (n + 1);

		for (unsigned int k = 1; k <= 5; k += 2)
			if (args[k] == n)
				before = args[k + 1];
		if (file[n] != before)
			values[3] |= 1ull << n;
	}
	return true;
}
