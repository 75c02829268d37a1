/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

bool memory_open(struct memory *memory, const char *path, uint64_t base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *bytes;

	if (fd < 0 || fstat(fd, &status) != 0) {
		say("cannot read the RAM file %s: %s", path, strerror(errno));
		return false;
	}
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED) {
		say("cannot map the RAM file %s: %s", path, strerror(errno));
		return false;
	}
	close(fd);
	*memory = (struct memory){ bytes, base, (uint64_t)status.st_size, 0 };
	return true;
}

bool memory_await(struct memory *memory, const char *path, uint64_t base, uint64_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		say("cannot read %s, where the RAM's address will be: %s", path, strerror(errno));
		return false;
	}
	*memory = (struct memory){ NULL, base, size, fd };
	return true;
}

static bool is_there(struct memory *memory)
{
	uintptr_t address = 0;

	if (!memory->bytes && memory->told &&
	    pread(memory->told, &address, sizeof(address), 0) == sizeof(address))
		memory->bytes = (const uint8_t *)address;
	return memory->bytes;
}

static bool inside(const struct memory *memory, uint64_t base, uint32_t size_bytes)
{
	uint64_t offset = base - memory->base;

	return base >= memory->base && offset < memory->size && size_bytes <= memory->size - offset;
}

void memory_copy(struct memory *memory, struct tap_record *record, uint64_t base,
		 uint32_t size_bytes)
{
	static const uint8_t zeros[TAP_LINE_BYTES];

	if (!is_there(memory)) {
		record->flags |= TAP_FLAGS_NO_RAM_MASK;
		return;
	}
	if (base % TAP_LINE_BYTES || !inside(memory, base, size_bytes)) {
		record->flags |= TAP_FLAGS_BAD_ADDRESS_MASK;
		return;
	}
	record->span = size_bytes;
	for (uint32_t at = 0; at < size_bytes; at += TAP_LINE_BYTES) {
		/* Copied first: another CPU may write while it is compared. */
		struct tap_line line = {
			.base = base, .addr = base + at, .kind = TAP_KIND_LINE, .cpu = record->cpu,
		};

		memcpy(line.data, memory->bytes + (base - memory->base) + at, TAP_LINE_BYTES);
		if (at == 0 || memcmp(line.data, zeros, TAP_LINE_BYTES) != 0)
			memcpy(&record[++record->lines], &line, sizeof(line));
	}
}
