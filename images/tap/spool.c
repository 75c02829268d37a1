/* SPDX-License-Identifier: BSD-3-Clause */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

#define WINDOW_RECORDS (SPOOL_WINDOW_BYTES / TAP_RECORD_BYTES)
#define RETRY_NS 1000000000u

_Static_assert(sizeof(struct tap_record) == TAP_RECORD_BYTES, "record");
_Static_assert(sizeof(struct tap_line) == TAP_RECORD_BYTES, "line");
_Static_assert(sizeof(struct tap_header) == TAP_HEADER_BYTES, "header");

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t spool_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t offset_of(uint64_t record)
{
	return TAP_HEADER_BYTES + record * TAP_RECORD_BYTES;
}

bool spool_open(struct spool *spool, const char *path, uint64_t limit_bytes)
{
	int error;

	*spool = (struct spool){ .next_seq = 1, .limit = UINT64_MAX };
	if (limit_bytes)
		spool->limit = limit_bytes > TAP_HEADER_BYTES ?
			       (limit_bytes - TAP_HEADER_BYTES) / TAP_RECORD_BYTES : 0;
	spool->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (spool->fd < 0) {
		say("cannot write %s: %s", path, strerror(errno));
		return false;
	}
	error = posix_fallocate(spool->fd, 0, TAP_HEADER_BYTES);
	if (error) {
		say("no room for %s: %s", path, strerror(error));
		return false;
	}
	spool->header = mmap(NULL, TAP_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			     spool->fd, 0);
	if (spool->header == MAP_FAILED) {
		say("cannot map %s: %s", path, strerror(errno));
		return false;
	}
	spool->header->version = TAP_VERSION;
	spool->header->header_size = TAP_HEADER_BYTES;
	spool->header->record_size = TAP_RECORD_BYTES;
	spool->header->limit_bytes = limit_bytes;
	spool->header->monotonic_ns = spool_now_ns();
	spool->header->realtime_ns = clock_ns(CLOCK_REALTIME);
	return true;
}

/* Gets blocks for one more window's worth of records, not beyond the limit. */
static bool reserve(struct spool *spool)
{
	uint64_t until = spool->reserved + WINDOW_RECORDS;

	if (spool_now_ns() < spool->retry_ns)
		return false;
	if (until > spool->limit)
		until = spool->limit;
	if (until == spool->reserved ||
	    posix_fallocate(spool->fd, (off_t)offset_of(spool->reserved),
			    (off_t)((until - spool->reserved) * TAP_RECORD_BYTES)) != 0) {
		spool->retry_ns = spool_now_ns() + RETRY_NS;
		return false;
	}
	spool->reserved = until;
	return true;
}

/* Moves the window to where a record belongs. */
static bool show(struct spool *spool, uint64_t record)
{
	void *window;

	if (spool->window && record - spool->window_first < WINDOW_RECORDS)
		return true;
	if (spool->window)
		munmap(spool->window, SPOOL_WINDOW_BYTES);
	spool->window = NULL;
	spool->window_first = record - record % WINDOW_RECORDS;
	window = mmap(NULL, SPOOL_WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, spool->fd,
		      (off_t)offset_of(spool->window_first));
	if (window == MAP_FAILED)
		return false;
	spool->window = window;
	return true;
}

static bool put(struct spool *spool, const struct tap_record *record)
{
	if (!show(spool, spool->records))
		return false;
	memcpy(spool->window + (spool->records - spool->window_first) * TAP_RECORD_BYTES, record,
	       TAP_RECORD_BYTES);
	spool->records++;
	return true;
}

static bool put_all(struct spool *spool, const struct tap_record *group, uint32_t count)
{
	uint64_t before = spool->records;

	while (spool->reserved - spool->records < count)
		if (!reserve(spool))
			return false;
	for (uint32_t n = 0; n < count; n++) {
		if (!put(spool, &group[n])) {
			spool->records = before;
			return false;
		}
	}
	return true;
}

static void lose(struct spool *spool, uint32_t count)
{
	spool->lost_now += count;
	__atomic_add_fetch(&spool->header->lost, count, __ATOMIC_RELAXED);
}

/* Says in the file that records are missing at this point. */
static bool mark(struct spool *spool, uint64_t time_ns)
{
	struct tap_record record = {
		.seq = spool->next_seq, .time_ns = time_ns, .call = spool->lost_now,
		.kind = TAP_KIND_LOST, .state = TAP_STATE_UNKNOWN,
	};

	/* Room for the mark alone would be lost on the next record. */
	if (spool->limit - spool->records < SPOOL_GROUP_MAX || !put_all(spool, &record, 1))
		return false;
	spool->next_seq++;
	spool->lost_now = 0;
	return true;
}

uint64_t spool_append(struct spool *spool, struct tap_record *group, uint32_t count)
{
	uint64_t now = spool_now_ns();
	bool room = !spool->lost_now || mark(spool, now);
	uint64_t first = spool->next_seq;

	for (uint32_t n = 0; n < count; n++) {
		group[n].seq = spool->next_seq++;
		group[n].time_ns = now;
		if (group[n].kind == TAP_KIND_CALL || group[n].kind == TAP_KIND_LINE)
			group[n].call = first;
	}
	if (!room || !put_all(spool, group, count))
		lose(spool, count);
	__atomic_store_n(&spool->header->records, spool->records, __ATOMIC_RELEASE);
	return first;
}

void spool_close(struct spool *spool)
{
	if (ftruncate(spool->fd, (off_t)offset_of(spool->records)) != 0)
		say("the file keeps unused space at its end: %s", strerror(errno));
	spool->header->ended = 1;
	if (spool->header->lost)
		say("%llu records were lost, for want of space or by the limit",
		    (unsigned long long)spool->header->lost);
}
