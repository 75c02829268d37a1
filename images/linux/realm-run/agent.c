/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rmi-agent: serves /dev/rmi to whoever holds its standard input and output, e.g. over SSH.
 *
 * Invariants: nothing but RMI_AGENT_MAGIC and answers is written to standard output; a request is answered once; when
 * standard input ends the process ends, and the module takes back what it held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"

#define LANES 8
#define MAX_CHUNKS 4096
#define STOP_AT_FAILURE 1

struct request {
	struct rmi_agent_request head;
	struct request *next;
	uint8_t data[];
};

struct lane {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct request *first, **last;
	int cpu;
};

struct chunk {
	uint64_t pa, count;
	uint8_t *at;
};

static struct device device;
static struct lane lanes[LANES];
static struct chunk chunks[MAX_CHUNKS];
static unsigned int num_chunks;
static pthread_mutex_t chunks_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread sigjmp_buf refused;

/* An access to a granule that is not the normal world's: the module has no page for it. */
static void on_bus_error(int number)
{
	(void)number;
	siglongjmp(refused, 1);
}

static void write_all(const void *data, size_t bytes)
{
	const char *at = data;

	while (bytes) {
		ssize_t done = write(STDOUT_FILENO, at, bytes);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			_exit(1);
		at += done;
		bytes -= done;
	}
}

static int read_all(void *data, size_t bytes)
{
	char *at = data;

	while (bytes) {
		ssize_t done = read(STDIN_FILENO, at, bytes);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		at += done;
		bytes -= done;
	}
	return 0;
}

static void answer(uint64_t seq, int error, uint64_t value, const void *data, size_t bytes)
{
	struct {
		struct rmi_agent_answer head;
		uint8_t data[];
	} *frame = malloc(sizeof(struct rmi_agent_answer) + bytes);

	if (!frame)
		_exit(1);
	frame->head = (struct rmi_agent_answer){ seq, error < 0 ? -error : 0, value, bytes };
	memcpy(frame->data, data, bytes);
	pthread_mutex_lock(&output_lock);
	write_all(frame, sizeof(frame->head) + bytes);
	pthread_mutex_unlock(&output_lock);
	free(frame);
}

/* Pointer to memory of ours; NULL where the range is not within one allocation. */
static uint8_t *pointer(uint64_t pa, uint64_t bytes)
{
	uint8_t *found = NULL;

	pthread_mutex_lock(&chunks_lock);
	for (unsigned int n = 0; n < num_chunks && !found; n++) {
		uint64_t size = chunks[n].count * GRANULE_BYTES;

		if (pa - chunks[n].pa < size && bytes <= size - (pa - chunks[n].pa))
			found = chunks[n].at + (pa - chunks[n].pa);
	}
	pthread_mutex_unlock(&chunks_lock);
	return found;
}

static int alloc(uint64_t count, uint64_t align, uint64_t *pa)
{
	int error = device_alloc(&device, count, align, pa);
	void *at;

	if (error)
		return error;
	at = device_map(&device, *pa, count);
	pthread_mutex_lock(&chunks_lock);
	if (at == MAP_FAILED || num_chunks == MAX_CHUNKS)
		error = -ENOMEM;
	else
		chunks[num_chunks++] = (struct chunk){ *pa, count, at };
	pthread_mutex_unlock(&chunks_lock);
	return error;
}

static int release(uint64_t pa, uint64_t count)
{
	int error = device_free(&device, pa, count);

	if (error)
		return error;
	pthread_mutex_lock(&chunks_lock);
	for (unsigned int n = 0; n < num_chunks; n++) {
		if (chunks[n].pa != pa || chunks[n].count != count)
			continue;
		munmap(chunks[n].at, count * GRANULE_BYTES);
		chunks[n] = chunks[--num_chunks];
		break;
	}
	pthread_mutex_unlock(&chunks_lock);
	return 0;
}

static int move_to(struct lane *lane, int cpu)
{
	cpu_set_t set;

	if (cpu == lane->cpu || cpu == RMI_DEVICE_ANY_CPU)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return -errno;
	lane->cpu = cpu;
	return 0;
}

/* The host's own interrupts let a REC leave; whoever asked does not want to know: go on as it was. */
static bool left_for_nothing(const uint64_t call[8], const uint64_t result[8])
{
	struct rmi_rec_run *run;

	if (call[0] != FID_RMI_REC_ENTER || result[0] != RMI_SUCCESS)
		return false;
	run = (struct rmi_rec_run *)pointer(call[2], sizeof(*run));
	if (!run || run->exit.exit_reason != RMI_REC_EXIT_REASON_IRQ)
		return false;
	run->enter.flags &= RMI_REC_ENTER_FLAGS_TRAP_WFI_MASK | RMI_REC_ENTER_FLAGS_TRAP_WFE_MASK;
	memcpy(run->enter.gicv3_lrs, run->exit.gicv3_lrs, sizeof(run->enter.gicv3_lrs));
	return true;
}

static int make_call(uint64_t x[8])
{
	uint64_t call[8];
	int error;

	memcpy(call, x, sizeof(call));
	do {
		memcpy(x, call, sizeof(call));
		error = device_call(&device, RMI_DEVICE_ANY_CPU, x);
	} while (!error && left_for_nothing(call, x));
	return error;
}

static void serve_smc(struct lane *lane, struct request *request)
{
	uint64_t count = request->head.data_bytes / sizeof(uint64_t[8]), done = 0;
	uint64_t (*x)[8] = (void *)request->data;
	int error = move_to(lane, request->head.args[0]);

	while (!error && done < count) {
		error = make_call(x[done]);
		if (error)
			break;
		done++;
		if (request->head.flags & STOP_AT_FAILURE && x[done - 1][0])
			break;
	}
	answer(request->head.seq, error, done, x, done * sizeof(x[0]));
}

/* Read into `data`, write from it or fill; -EFAULT where an access is refused. */
static int access_memory(const struct rmi_agent_request *head, uint8_t *at, uint8_t *data, uint64_t bytes)
{
	if (sigsetjmp(refused, 1))
		return -EFAULT;
	if (head->op == RMI_AGENT_OP_READ)
		memcpy(data, at, bytes);
	else if (head->op == RMI_AGENT_OP_WRITE)
		memcpy(at, data, bytes);
	else
		memset(at, head->args[2], bytes);
	return 0;
}

static void serve_memory(struct request *request)
{
	const struct rmi_agent_request *head = &request->head;
	bool reads = head->op == RMI_AGENT_OP_READ;
	uint64_t bytes = head->op == RMI_AGENT_OP_WRITE ? head->data_bytes : head->args[1];
	static __thread uint8_t out[RMI_AGENT_DATA_BYTES];
	uint8_t *at = pointer(head->args[0], bytes);
	int error = -ENXIO;

	if (at && (!reads || bytes <= sizeof(out)))
		error = access_memory(head, at, reads ? out : request->data, bytes);
	answer(head->seq, error, 0, out, reads && !error ? bytes : 0);
}

static void serve_touch(struct request *request)
{
	uint64_t pa = request->head.args[0], count = request->head.args[1];
	static __thread uint8_t out[RMI_AGENT_DATA_BYTES];

	if (count > sizeof(out)) {
		answer(request->head.seq, -EINVAL, 0, NULL, 0);
		return;
	}
	for (volatile uint64_t n = 0; n < count; n++) {
		uint8_t *at = pointer(pa + n * GRANULE_BYTES, GRANULE_BYTES);

		out[n] = 1;
		if (at && !sigsetjmp(refused, 1)) {
			*(volatile uint8_t *)at;
			out[n] = 0;
		}
	}
	answer(request->head.seq, 0, 0, out, count);
}

static void serve(struct lane *lane, struct request *request)
{
	const struct rmi_agent_request *head = &request->head;
	struct rmi_device_info info;
	uint64_t pa = 0;
	int error;

	switch (head->op) {
	case RMI_AGENT_OP_HELLO:
		error = device_info(&device, &info);
		answer(head->seq, error, sysconf(_SC_NPROCESSORS_ONLN), &info, error ? 0 : sizeof(info));
		break;
	case RMI_AGENT_OP_SMC:
		serve_smc(lane, request);
		break;
	case RMI_AGENT_OP_ALLOC:
		error = alloc(head->args[0], head->args[1], &pa);
		answer(head->seq, error, pa, NULL, 0);
		break;
	case RMI_AGENT_OP_FREE:
		answer(head->seq, release(head->args[0], head->args[1]), 0, NULL, 0);
		break;
	case RMI_AGENT_OP_READ:
	case RMI_AGENT_OP_WRITE:
	case RMI_AGENT_OP_FILL:
		serve_memory(request);
		break;
	case RMI_AGENT_OP_TOUCH:
		serve_touch(request);
		break;
	case RMI_AGENT_OP_IOCTL:
		error = ioctl(device.fd, head->args[0], head->args[1]);
		answer(head->seq, error < 0 ? -errno : 0, error, NULL, 0);
		break;
	default:
		answer(head->seq, -ENOSYS, 0, NULL, 0);
	}
}

static void *work(void *argument)
{
	struct lane *lane = argument;

	for (;;) {
		struct request *request;

		pthread_mutex_lock(&lane->lock);
		while (!lane->first)
			pthread_cond_wait(&lane->filled, &lane->lock);
		request = lane->first;
		lane->first = request->next;
		if (!lane->first)
			lane->last = &lane->first;
		pthread_mutex_unlock(&lane->lock);
		serve(lane, request);
		free(request);
	}
	return NULL;
}

static void hand_over(struct request *request)
{
	struct lane *lane = &lanes[request->head.lane % LANES];

	request->next = NULL;
	pthread_mutex_lock(&lane->lock);
	if (!lane->thread) {
		lane->cpu = RMI_DEVICE_ANY_CPU;
		if (pthread_create(&lane->thread, NULL, work, lane))
			_exit(1);
	}
	*lane->last = request;
	lane->last = &request->next;
	pthread_cond_signal(&lane->filled);
	pthread_mutex_unlock(&lane->lock);
}

static void prepare(void)
{
	struct sigaction action = { .sa_handler = on_bus_error, .sa_flags = SA_NODEFER };

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (unsigned int n = 0; n < LANES; n++) {
		pthread_mutex_init(&lanes[n].lock, NULL);
		pthread_cond_init(&lanes[n].filled, NULL);
		lanes[n].last = &lanes[n].first;
	}
}

int main(void)
{
	const uint64_t magic = RMI_AGENT_MAGIC;
	struct rmi_agent_request head;
	int error = device_open(&device);

	if (error) {
		fprintf(stderr, "rmi-agent: /dev/rmi: %s\n", strerror(-error));
		return 69;
	}
	prepare();
	write_all(&magic, sizeof(magic));
	while (!read_all(&head, sizeof(head))) {
		struct request *request;

		if (head.data_bytes > RMI_AGENT_DATA_BYTES)
			return 76;
		request = malloc(sizeof(*request) + head.data_bytes);
		if (!request)
			return 71;
		request->head = head;
		if (read_all(request->data, head.data_bytes))
			break;
		hand_over(request);
	}
	_exit(0);
}
