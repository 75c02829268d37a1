/* SPDX-License-Identifier: BSD-3-Clause */
#include "fdt.h"

#include <arpa/inet.h>
#include <string.h>

#include "say.h"

#define MAGIC 0xd00dfeed
#define VERSION 17
#define COMPATIBLE_VERSION 16
#define BEGIN_NODE 1
#define END_NODE 2
#define PROPERTY 3
#define END 9
#define MOST_BYTES 65536
#define HEADER_BYTES 40
#define RESERVATIONS_BYTES 16	/* the end mark alone */

static uint8_t structure[MOST_BYTES], tree[3 * MOST_BYTES];
static char strings[MOST_BYTES];
static size_t structure_bytes, strings_bytes;

static void put(const void *data, size_t bytes)
{
	size_t padded = (bytes + 3) & ~(size_t)3;

	if (padded > sizeof(structure) - structure_bytes)
		die(EXIT_NO_MEMORY, "the device tree is too large");
	memcpy(structure + structure_bytes, data, bytes);
	memset(structure + structure_bytes + bytes, 0, padded - bytes);
	structure_bytes += padded;
}

static void put_word(uint32_t value)
{
	value = htonl(value);
	put(&value, sizeof(value));
}

static uint32_t string_offset(const char *name)
{
	size_t bytes = strlen(name) + 1, at;

	for (at = 0; at < strings_bytes; at += strlen(strings + at) + 1)
		if (!strcmp(strings + at, name))
			return at;
	if (bytes > sizeof(strings) - strings_bytes)
		die(EXIT_NO_MEMORY, "the device tree is too large");
	memcpy(strings + strings_bytes, name, bytes);
	strings_bytes += bytes;
	return at;
}

void fdt_begin(void)
{
	structure_bytes = strings_bytes = 0;
	fdt_node("");
}

void fdt_node(const char *name)
{
	put_word(BEGIN_NODE);
	put(name, strlen(name) + 1);
}

void fdt_end_node(void)
{
	put_word(END_NODE);
}

void fdt_bytes(const char *name, const void *value, size_t bytes)
{
	put_word(PROPERTY);
	put_word(bytes);
	put_word(string_offset(name));
	put(value, bytes);
}

void fdt_text(const char *name, const char *value)
{
	fdt_bytes(name, value, strlen(value) + 1);
}

void fdt_cells(const char *name, const uint32_t *cells, size_t count)
{
	put_word(PROPERTY);
	put_word(count * sizeof(*cells));
	put_word(string_offset(name));
	for (size_t n = 0; n < count; n++)
		put_word(cells[n]);
}

const void *fdt_finish(size_t *bytes)
{
	const size_t at = HEADER_BYTES + RESERVATIONS_BYTES;
	uint32_t *head = (uint32_t *)tree;

	fdt_end_node();
	put_word(END);
	*bytes = at + structure_bytes + strings_bytes;
	memset(tree, 0, at);
	head[0] = htonl(MAGIC);
	head[1] = htonl(*bytes);
	head[2] = htonl(at);
	head[3] = htonl(at + structure_bytes);
	head[4] = htonl(HEADER_BYTES);
	head[5] = htonl(VERSION);
	head[6] = htonl(COMPATIBLE_VERSION);
	head[8] = htonl(strings_bytes);
	head[9] = htonl(structure_bytes);
	memcpy(tree + at, structure, structure_bytes);
	memcpy(tree + at + structure_bytes, strings, strings_bytes);
	return tree;
}
