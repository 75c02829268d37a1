/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes a tap file without QEMU: `generate CALLS THREADS FID out=FILE ...` lets each thread,
 * as a CPU, make that many calls with their returns. FID 0 stands for a mixture.
 * For tests of the file and of its readers.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cca_abi.h"
#include "recorder.h"

#define THREADS_MAX 64u
#define PC 0x60001000u
#define RAM_BASE 0x40000000u
#define PAGE_BYTES 4096u

static uint64_t calls;
static uint64_t fid;

static void call_and_return(uint16_t cpu, uint64_t number)
{
	bool enters = !fid && number % 4 == 3;
	struct moment moment = {
		.cpu = cpu, .state = TAP_STATE_NON_SECURE, .level = 2, .complete = true, .pc = PC,
		.x = { fid ? fid : enters ? FID_RMI_REC_ENTER : FID_RMI_GRANULE_DELEGATE,
		       RAM_BASE + number * PAGE_BYTES, enters ? RAM_BASE : 0, number },
	};

	recorder_call(&moment);
	moment.pc += 4;
	moment.x[0] = RMI_SUCCESS;
	moment.x[1] = number;
	recorder_return(&moment);
}

static void *work(void *cpu)
{
	for (uint64_t number = 0; number < calls; number++)
		call_and_return((uint16_t)(uintptr_t)cpu, number);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS_MAX];
	struct options options;
	unsigned int count;

	if (argc < 4 || !options_parse(&options, argc - 4, argv + 4)) {
		fprintf(stderr, "usage: generate CALLS THREADS FID out=FILE [KEY=VALUE]...\n");
		return 2;
	}
	calls = strtoull(argv[1], NULL, 0);
	count = (unsigned int)strtoul(argv[2], NULL, 0);
	fid = strtoull(argv[3], NULL, 0);
	if (count == 0 || count > THREADS_MAX || !recorder_open(&options, count, 0))
		return 1;
	for (unsigned int cpu = 0; cpu < count; cpu++)
		if (pthread_create(&threads[cpu], NULL, work, (void *)(uintptr_t)cpu) != 0)
			abort();
	for (unsigned int cpu = 0; cpu < count; cpu++)
		pthread_join(threads[cpu], NULL);
	recorder_close();
	return 0;
}
