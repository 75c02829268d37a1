/* SPDX-License-Identifier: BSD-3-Clause */
#include "recorder.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "cca_abi.h"
#include "memory.h"
#include "pending.h"
#include "spool.h"

_Static_assert(RMI_REALM_PARAMS_SIZE / TAP_LINE_BYTES < SPOOL_GROUP_MAX, "realm parameters");
_Static_assert(RMI_REC_PARAMS_SIZE / TAP_LINE_BYTES < SPOOL_GROUP_MAX, "REC parameters");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct spool spool;
static struct memory memory;
static uint64_t rec_on_cpu[PENDING_CPUS];
static bool keep_others;
static bool closed;

bool recorder_open(const struct options *options, uint32_t cpus, uint32_t api)
{
	if (!spool_open(&spool, options->out, options->limit_bytes))
		return false;
	if (options->ram && !memory_open(&memory, options->ram, options->base))
		return false;
	if (options->at &&
	    !memory_await(&memory, options->at, options->base, options->size_bytes))
		return false;
	keep_others = options->others;
	strncpy((char *)spool.header->stack_hash, options->stack,
		sizeof(spool.header->stack_hash) - 1);
	spool.header->cpus = cpus;
	spool.header->api = api;
	spool.header->ram_base = memory.base;
	spool.header->ram_size = memory.size;
	spool.header->counted = options->count;
	spool.header->others_recorded = options->others;
	/* Last: a reader takes a file with the magic for a file with a header. */
	__atomic_store_n(&spool.header->magic, TAP_MAGIC, __ATOMIC_RELEASE);
	return true;
}

static bool is_known(uint64_t fid)
{
	return (fid >= TAP_RMM_FIRST && fid <= TAP_RMM2_LAST) ||
	       (fid >= TAP_PSCI64_FIRST && fid <= TAP_PSCI64_LAST) ||
	       (fid >= TAP_PSCI32_FIRST && fid <= TAP_PSCI32_LAST);
}

/* Where the memory that belongs to a call lies; the enter or exit half of a run page. */
static bool find_memory(uint64_t fid, uint64_t x2, uint64_t x3, bool returns, uint64_t *base,
			uint32_t *size_bytes)
{
	switch (fid) {
	case FID_RMI_REALM_CREATE:
		*base = x2;
		*size_bytes = RMI_REALM_PARAMS_SIZE;
		return true;
	case FID_RMI_REC_CREATE:
		*base = x3;
		*size_bytes = RMI_REC_PARAMS_SIZE;
		return true;
	case FID_RMI_REC_ENTER:
		*base = x2 + (returns ? offsetof(struct rmi_rec_run, exit) :
					offsetof(struct rmi_rec_run, enter));
		*size_bytes = returns ? RMI_REC_EXIT_SIZE : RMI_REC_ENTER_SIZE;
		return true;
	default:
		return false;
	}
}

/* A REC that was made or destroyed waits for nothing; one that could not be goes on as it was. */
static void forget_waiting(const struct pending *call)
{
	switch (call->fid) {
	case FID_RMI_REC_CREATE:
		pending_forget(call->x2);
		break;
	case FID_RMI_REC_DESTROY:
		pending_forget(call->x1);
		break;
	}
}

static struct caller caller_of(const struct moment *moment)
{
	bool realm = moment->state == TAP_STATE_REALM;

	return (struct caller){
		.cpu = moment->cpu, .state = moment->state, .level = moment->level,
		.rec = realm ? rec_on_cpu[moment->cpu % PENDING_CPUS] : 0,
	};
}

static struct tap_record record_of(const struct moment *moment, uint16_t kind, uint64_t rec)
{
	struct tap_record record = {
		.kind = kind, .cpu = moment->cpu, .state = moment->state, .level = moment->level,
		.pc = moment->pc, .instructions = moment->instructions, .rec = rec,
		.flags = moment->complete ? 0 : TAP_FLAGS_NO_REGISTERS_MASK,
	};

	memcpy(record.x, moment->x, sizeof(record.x));
	return record;
}

static uint64_t store(struct tap_record *group, uint64_t fid, uint64_t x2, uint64_t x3,
		      bool returns)
{
	uint64_t base;
	uint32_t size_bytes;

	if (group->state == TAP_STATE_NON_SECURE &&
	    find_memory(fid, x2, x3, returns, &base, &size_bytes))
		memory_copy(&memory, group, base, size_bytes);
	return spool_append(&spool, group, 1 + group->lines);
}

/* Others than the RMM are refused when they make its calls, so these come back. */
static bool returns(const struct moment *moment)
{
	return moment->state != TAP_STATE_REALM ||
	       (moment->x[0] != FID_RMM_RMI_REQ_COMPLETE && moment->x[0] != FID_RMM_BOOT_COMPLETE);
}

static void record_call(const struct moment *moment)
{
	struct tap_record group[SPOOL_GROUP_MAX];
	struct caller caller;
	struct pending call = {
		.pc = moment->pc, .fid = moment->x[0], .x1 = moment->x[1], .x2 = moment->x[2],
		.x3 = moment->x[3],
	};

	if (!is_known(call.fid) && !keep_others) {
		spool.header->others++;
		return;
	}
	if (moment->state == TAP_STATE_NON_SECURE && call.fid == FID_RMI_REC_ENTER)
		rec_on_cpu[moment->cpu % PENDING_CPUS] = call.x1;
	caller = caller_of(moment);
	group[0] = record_of(moment, TAP_KIND_CALL, caller.rec);
	call.call = store(group, call.fid, call.x2, call.x3, false);
	if (returns(moment))
		pending_put(&caller, &call);
}

static void record_return(const struct moment *moment)
{
	struct tap_record group[SPOOL_GROUP_MAX];
	struct caller caller = caller_of(moment);
	struct pending call;

	if (!pending_take(&caller, moment->pc, &call))
		return;
	if (call.fid == FID_RMI_REC_ENTER && moment->state == TAP_STATE_NON_SECURE)
		rec_on_cpu[moment->cpu % PENDING_CPUS] = 0;
	if (moment->state == TAP_STATE_NON_SECURE && moment->x[0] == RMI_SUCCESS)
		forget_waiting(&call);
	group[0] = record_of(moment, TAP_KIND_RETURN, caller.rec);
	group[0].pc = call.pc;
	group[0].call = call.call;
	store(group, call.fid, call.x2, call.x3, true);
}

void recorder_call(const struct moment *moment)
{
	pthread_mutex_lock(&lock);
	if (!closed)
		record_call(moment);
	pthread_mutex_unlock(&lock);
}

void recorder_return(const struct moment *moment)
{
	pthread_mutex_lock(&lock);
	if (!closed)
		record_return(moment);
	pthread_mutex_unlock(&lock);
}

void recorder_close(void)
{
	pthread_mutex_lock(&lock);
	if (!closed)
		spool_close(&spool);
	closed = true;
	pthread_mutex_unlock(&lock);
}
