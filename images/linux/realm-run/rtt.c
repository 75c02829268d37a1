/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "realm.h"
#include "say.h"

#define CHUNK_GRANULES 512
#define MAX_CHUNKS 4096
#define LAST_LEVEL 3

struct chunk {
	uint64_t pa, count;
	void *at;
};

struct table {
	uint64_t ipa;
	int level;
	struct table *next;
};

static struct chunk chunks[MAX_CHUNKS];
static unsigned int num_chunks;
static uint64_t next_pa, left;
static uint64_t *returned;
static size_t num_returned, max_returned;
static struct table *tables;	/* the newest first: deeper ones before those above */

static uint64_t entry_bytes(int level)
{
	return 1ULL << (12 + 9 * (LAST_LEVEL - level));
}

static uint64_t new_chunk(struct realm *realm, uint64_t count, uint64_t align)
{
	struct chunk *chunk = &chunks[num_chunks];
	int error;

	if (num_chunks == MAX_CHUNKS)
		die(EXIT_NO_MEMORY, "more memory than %d allocations", MAX_CHUNKS);
	error = device_alloc(&realm->device, count, align, &chunk->pa);
	if (error)
		die(EXIT_NO_MEMORY, "the host has no %llu adjacent granules: %s", (unsigned long long)count,
		    strerror(-error));
	chunk->at = device_map(&realm->device, chunk->pa, count);
	if (chunk->at == MAP_FAILED)
		die(EXIT_NO_MEMORY, "cannot map memory of /dev/rmi: %s", strerror(errno));
	chunk->count = count;
	num_chunks++;
	return chunk->pa;
}

uint64_t pool_take(struct realm *realm, uint64_t count, uint64_t align)
{
	uint64_t pa;

	if (count > 1)
		return new_chunk(realm, count, align);
	if (num_returned)
		return returned[--num_returned];
	if (!left) {
		next_pa = new_chunk(realm, CHUNK_GRANULES, 0);
		left = CHUNK_GRANULES;
	}
	pa = next_pa;
	next_pa += GRANULE_BYTES;
	left--;
	return pa;
}

void pool_return(uint64_t pa)
{
	if (num_returned == max_returned) {
		max_returned = max_returned ? 2 * max_returned : 64;
		returned = realloc(returned, max_returned * sizeof(*returned));
		if (!returned)
			die(EXIT_NO_MEMORY, "out of memory");
	}
	returned[num_returned++] = pa;
}

void *pool_pointer(struct realm *realm, uint64_t pa)
{
	(void)realm;
	for (unsigned int n = num_chunks; n--;)
		if (pa - chunks[n].pa < chunks[n].count * GRANULE_BYTES)
			return (char *)chunks[n].at + (pa - chunks[n].pa);
	die(EXIT_STUCK, "%#llx is not memory of this process", (unsigned long long)pa);
}

unsigned int rmi(struct realm *realm, uint64_t x[8])
{
	uint64_t fid = x[0];
	int error = device_call(&realm->device, RMI_DEVICE_ANY_CPU, x);

	if (error)
		die(EXIT_REFUSED, "/dev/rmi refuses call %#llx: %s", (unsigned long long)fid, strerror(-error));
	return x[0] & RMI_COMMAND_RETURN_CODE_STATUS_MASK;
}

static int index_of(uint64_t x0)
{
	return (x0 & RMI_COMMAND_RETURN_CODE_INDEX_MASK) >> RMI_COMMAND_RETURN_CODE_INDEX_SHIFT;
}

uint64_t must(struct realm *realm, const char *name, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4,
	      uint64_t x5)
{
	uint64_t x[8] = { fid, x1, x2, x3, x4, x5 };
	unsigned int status = rmi(realm, x);

	if (status != RMI_SUCCESS)
		die(EXIT_REFUSED, "%s(%#llx, %#llx, %#llx) answers status %u, index %d", name,
		    (unsigned long long)x1, (unsigned long long)x2, (unsigned long long)x3, status, index_of(x[0]));
	return x[1];
}

void delegate(struct realm *realm, uint64_t pa, uint64_t count)
{
	for (uint64_t n = 0; n < count; n++)
		must(realm, "RMI_GRANULE_DELEGATE", FID_RMI_GRANULE_DELEGATE, pa + n * GRANULE_BYTES, 0, 0, 0, 0);
}

void undelegate(struct realm *realm, uint64_t pa)
{
	must(realm, "RMI_GRANULE_UNDELEGATE", FID_RMI_GRANULE_UNDELEGATE, pa, 0, 0, 0, 0);
}

static void add_table(struct realm *realm, uint64_t ipa, int level)
{
	struct table *table = malloc(sizeof(*table));
	uint64_t pa = pool_take(realm, 1, 0);

	if (!table)
		die(EXIT_NO_MEMORY, "out of memory");
	delegate(realm, pa, 1);
	ipa &= ~(entry_bytes(level - 1) - 1);
	must(realm, "RMI_RTT_CREATE", FID_RMI_RTT_CREATE, realm->rd, pa, ipa, level, 0);
	*table = (struct table){ ipa, level, tables };
	tables = table;
}

/* Make a call; as long as it says that tables lack for `ipa`, add one and make it again. */
static uint64_t with_tables(struct realm *realm, const char *name, const uint64_t call[8], uint64_t ipa)
{
	for (;;) {
		uint64_t x[8];
		unsigned int status;

		memcpy(x, call, sizeof(x));
		status = rmi(realm, x);
		if (status == RMI_SUCCESS)
			return x[1];
		if (status != RMI_ERROR_RTT || index_of(x[0]) >= LAST_LEVEL)
			die(EXIT_REFUSED, "%s for IPA %#llx answers status %u, index %d", name,
			    (unsigned long long)ipa, status, index_of(x[0]));
		add_table(realm, ipa, index_of(x[0]) + 1);
	}
}

void init_ripas(struct realm *realm, uint64_t base, uint64_t top)
{
	while (base < top) {
		const uint64_t call[8] = { FID_RMI_RTT_INIT_RIPAS, realm->rd, base, top };

		base = with_tables(realm, "RMI_RTT_INIT_RIPAS", call, base);
	}
}

static uint8_t *mapped(struct realm *realm, uint64_t ipa)
{
	return &realm->mapped[(ipa - realm->ram) / GRANULE_BYTES];
}

void map_data(struct realm *realm, uint64_t ipa, const void *page)
{
	uint64_t data = pool_take(realm, 1, 0), source = pool_take(realm, 1, 0);
	const uint64_t call[8] = { FID_RMI_DATA_CREATE, realm->rd, data, ipa, source,
				   RMI_DATA_FLAGS_MEASURE_CONTENT_MASK };

	memcpy(pool_pointer(realm, source), page, GRANULE_BYTES);
	delegate(realm, data, 1);
	with_tables(realm, "RMI_DATA_CREATE", call, ipa);
	*mapped(realm, ipa) = 1;
	pool_return(source);
}

void map_unknown(struct realm *realm, uint64_t ipa)
{
	uint64_t data;

	if (*mapped(realm, ipa))
		return;	/* another REC was faster */
	data = pool_take(realm, 1, 0);
	delegate(realm, data, 1);
	with_tables(realm, "RMI_DATA_CREATE_UNKNOWN",
		    (const uint64_t[8]){ FID_RMI_DATA_CREATE_UNKNOWN, realm->rd, data, ipa }, ipa);
	*mapped(realm, ipa) = 1;
}

void unmap_data(struct realm *realm, uint64_t ipa)
{
	uint64_t data;

	if (!*mapped(realm, ipa))
		return;
	data = must(realm, "RMI_DATA_DESTROY", FID_RMI_DATA_DESTROY, realm->rd, ipa, 0, 0, 0);
	undelegate(realm, data);
	*mapped(realm, ipa) = 0;
	pool_return(data);
}

uint64_t map_shared(struct realm *realm, uint64_t ipa)
{
	/* Normal write-back memory, read and write: MemAttr 0b110 (FWB), S2AP 0b11 */
	const uint64_t attributes = (6 << 2) | (3 << 6);
	uint64_t *page = &realm->shared[(ipa - upper_half(realm) - realm->ram) / GRANULE_BYTES];

	if (*page)
		return *page;
	*page = pool_take(realm, 1, 0);
	memset(pool_pointer(realm, *page), 0, GRANULE_BYTES);
	with_tables(realm, "RMI_RTT_MAP_UNPROTECTED",
		    (const uint64_t[8]){ FID_RMI_RTT_MAP_UNPROTECTED, realm->rd, ipa, LAST_LEVEL, *page | attributes },
		    ipa);
	return *page;
}

uint64_t set_ripas(struct realm *realm, struct rec *rec, uint64_t base, uint64_t top)
{
	return with_tables(realm, "RMI_RTT_SET_RIPAS",
			   (const uint64_t[8]){ FID_RMI_RTT_SET_RIPAS, realm->rd, rec->pa, base, top }, base);
}

void destroy_tables(struct realm *realm)
{
	for (uint64_t n = 0; n < realm->ram_bytes / GRANULE_BYTES; n++) {
		uint64_t alias = upper_half(realm) + realm->ram + n * GRANULE_BYTES;

		unmap_data(realm, realm->ram + n * GRANULE_BYTES);
		if (realm->shared[n])
			must(realm, "RMI_RTT_UNMAP_UNPROTECTED", FID_RMI_RTT_UNMAP_UNPROTECTED, realm->rd, alias,
			     LAST_LEVEL, 0, 0);
	}
	while (tables) {
		struct table *table = tables;

		undelegate(realm, must(realm, "RMI_RTT_DESTROY", FID_RMI_RTT_DESTROY, realm->rd, table->ipa,
				       table->level, 0, 0));
		tables = table->next;
		free(table);
	}
}
