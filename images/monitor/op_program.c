/* SPDX-License-Identifier: BSD-3-Clause */
#include <mem.h>

#include "access.h"
#include "call.h"
#include "ops.h"

#define FLAG_STOP_AT_FAILURE 1
#define BARRIER_TIMEOUT_S 10
#define RESULT_WORDS 8
#define NO_FAILURE UINT64_MAX

struct run {
	struct monitor_program program; /* a copy: steps may change the original */
	uint64_t executed;
	uint64_t failed;
	uint64_t first_failure; /* index among the executed steps, NO_FAILURE if none */
	uint64_t first_result;
	uint64_t ticks;
	bool barrier_missed;
};

/* True when enough PEs have arrived, false if they do not come. */
static bool await_barrier(uint64_t *counter, uint64_t count)
{
	uint64_t end = counter_ticks() + BARRIER_TIMEOUT_S * read_sysreg(cntfrq_el0);

	__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < count) {
		if (counter_ticks() >= end)
			return false;
		yield();
	}
	return true;
}

static void run_step(const struct monitor_step *step, uint64_t repetition, uint64_t result[8])
{
	uint64_t args[7];
	struct guard guard;

	for (unsigned int n = 0; n < 7; n++)
		args[n] = step->args[n] + repetition * step->strides[n];
	memset(result, 0, 8 * sizeof(*result));
	switch (step->kind) {
	case MONITOR_STEP_KIND_SMC:
		result[0] = step->fid;
		memcpy(&result[1], args, sizeof(args));
		smc_call(result, result);
		break;
	case MONITOR_STEP_KIND_READ:
		result[0] = !guard_run(&guard, access_read, args[0], 8, (uint64_t)&result[1]);
		if (result[0] != 0)
			result[1] = guard.esr;
		break;
	case MONITOR_STEP_KIND_WRITE:
		result[0] = !guard_run(&guard, access_write, args[0], 8, args[1]);
		if (result[0] != 0)
			result[1] = guard.esr;
		break;
	default:
		result[0] = NO_FAILURE;
		break;
	}
}

static void record(struct run *run, const uint64_t result[8])
{
	uint64_t index = run->executed++;

	if (result[0] != 0) {
		if (run->failed++ == 0) {
			run->first_failure = index;
			run->first_result = result[0];
		}
	}
	if (run->program.results != 0 && index < run->program.results_max)
		memcpy((uint64_t *)run->program.results + index * RESULT_WORDS, result,
		       RESULT_WORDS * sizeof(*result));
}

static void run_steps(struct run *run, const struct monitor_step *steps)
{
	uint64_t result[8];

	for (uint64_t repetition = 0; repetition < run->program.repeat; repetition++)
		for (uint64_t n = 0; n < run->program.step_count; n++) {
			run_step(&steps[n], repetition, result);
			record(run, result);
			if (result[0] != 0 && (run->program.flags & FLAG_STOP_AT_FAILURE) != 0)
				return;
		}
}

/* As unwind_function: the program, its results and its barrier may lie anywhere. */
static void run_program(uint64_t pa, uint64_t run_address, uint64_t unused)
{
	struct run *run = (struct run *)run_address;

	(void)unused;
	memcpy(&run->program, (const void *)pa, sizeof(run->program));
	if (run->program.barrier != 0 &&
	    !await_barrier((uint64_t *)run->program.barrier, run->program.barrier_count)) {
		run->barrier_missed = true;
		return;
	}
	uint64_t start = counter_ticks();

	run_steps(run, (const struct monitor_step *)(pa + sizeof(run->program)));
	run->ticks = counter_ticks() - start;
}

uint64_t op_program(struct pe *pe, struct monitor_mailbox *box)
{
	struct run run = { .first_failure = NO_FAILURE };
	struct guard guard;
	bool finished;

	(void)pe;
	if (box->args[0] % sizeof(uint64_t) != 0)
		return MONITOR_STATUS_BAD_ARG;
	finished = guard_run(&guard, run_program, box->args[0], (uint64_t)&run, 0);
	box->values[0] = run.executed;
	box->values[1] = run.failed;
	box->values[2] = run.first_failure;
	box->values[3] = run.first_result;
	box->values[4] = run.ticks;
	if (!finished)
		return ops_fault(box, &guard);
	return run.barrier_missed ? MONITOR_STATUS_BUSY : MONITOR_STATUS_OK;
}
