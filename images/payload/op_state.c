/* SPDX-License-Identifier: BSD-3-Clause */
#include <fp.h>
#include <mem.h>
#include <sysreg.h>

#include "ops.h"
#include "smc.h"

#define SCTLR_M 1ull
#define NOP_WORDS 16
#define FP_WORDS (FP_BYTES / 8)

bool op_hello(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)args;
	values[0] = PAYLOAD_MAGIC;
	values[1] = read_sysreg(mpidr_el1);
	values[2] = read_sysreg(CurrentEL);
	values[3] = rec->start_value;
	values[4] = read_sysreg(cntfrq_el0);
	values[5] = read_sysreg(vbar_el1);
	__asm__ volatile("mov %0, sp" : "=r"(values[6]));
	return true;
}

bool op_smc(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	smc_call(args, values);
	return true;
}

/* Word n of v0..v31 (low half first) is seed * (n + 1). */
bool op_fp_set(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t words[FP_WORDS] __attribute__((aligned(16)));

	(void)rec;
	(void)values;
	for (uint64_t n = 0; n < FP_WORDS; n++)
		words[n] = args[0] * (n + 1);
	write_sysreg(fpcr, 0);
	fp_load(words);
	return true;
}

bool op_fp_check(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t words[FP_WORDS] __attribute__((aligned(16)));

	(void)rec;
	fp_store(words);
	for (uint64_t n = 0; n < FP_WORDS; n += 2) {
		if (words[n] == args[0] * (n + 1) && words[n + 1] == args[0] * (n + 2))
			continue;
		if (values[0]++ == 0)
			values[1] = n / 2;
	}
	return true;
}

bool op_mmu(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	uint64_t control = read_sysreg(sctlr_el1);

	(void)rec;
	(void)values;
	control = args[0] != 0 ? control | SCTLR_M : control & ~SCTLR_M;
	dsb(sy);
	write_sysreg(sctlr_el1, control);
	isb();
	return true;
}

bool op_nop(struct rec *rec, const uint64_t *args, uint64_t *values)
{
	(void)rec;
	memcpy(values, args, NOP_WORDS * sizeof(*values));
	return true;
}
