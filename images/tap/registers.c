/* SPDX-License-Identifier: BSD-3-Clause */
#include "registers.h"

#include <stdio.h>
#include <string.h>

#include "cca_abi.h"
#include "qemu_plugin_api.h"
#include "say.h"

#define GENERAL 8u
#define SCR_NS (1u << 0)
#define SCR_NSE (1ull << 62)
#define PSTATE_EL(pstate) (((pstate) >> 2) & 3u)
#define STRIDE_API4 24u
#define STRIDE_API5 32u	/* a flag was added that tells whether a register is read-only */
#define HANDLE_MAX (1u << 24)

struct descriptor {
	struct qemu_plugin_register *handle;
	const char *name;
	const char *feature;
};

static struct qemu_plugin_register *general[GENERAL];
static struct qemu_plugin_register *pstate;
static struct qemu_plugin_register *scr;
static bool found;

/* Handles are small numbers, names are not: with the wrong stride this is not so. */
static bool plausible(const struct descriptor *entry)
{
	return (uintptr_t)entry->handle <= HANDLE_MAX && (uintptr_t)entry->name > HANDLE_MAX &&
	       (uintptr_t)entry->feature > HANDLE_MAX;
}

static void take(const struct descriptor *entry)
{
	char name[4];

	for (unsigned int n = 0; n < GENERAL; n++) {
		snprintf(name, sizeof(name), "x%u", n);
		if (strcmp(entry->name, name) == 0)
			general[n] = entry->handle;
	}
	if (strcmp(entry->name, "cpsr") == 0)
		pstate = entry->handle;
	if (strcmp(entry->name, "SCR_EL3") == 0)
		scr = entry->handle;
}

bool registers_find(int api)
{
	GArray *list = qemu_plugin_get_registers();
	size_t stride = api < 5 ? STRIDE_API4 : STRIDE_API5;

	for (unsigned int n = 0; n < list->len; n++) {
		const struct descriptor *entry = (const void *)(list->data + n * stride);

		if (!plausible(entry)) {
			say("QEMU's plugin interface %d describes registers in an unknown way", api);
			return false;
		}
		take(entry);
	}
	for (unsigned int n = 0; n < GENERAL; n++) {
		if (!general[n]) {
			say("QEMU does not show register x%u", n);
			return false;
		}
	}
	__atomic_store_n(&found, true, __ATOMIC_RELEASE);
	return true;
}

static bool read_one(struct qemu_plugin_register *handle, uint64_t *value)
{
	static _Thread_local GByteArray *buffer;

	*value = 0;
	if (!handle)
		return false;
	if (!buffer)
		buffer = g_byte_array_new();
	g_byte_array_set_size(buffer, 0);
	qemu_plugin_read_register(handle, buffer);
	if (buffer->len == 0 || buffer->len > sizeof(*value))
		return false;
	memcpy(value, buffer->data, buffer->len);
	return true;
}

bool registers_where(uint8_t *state, uint8_t *level)
{
	uint64_t value;

	*state = TAP_STATE_UNKNOWN;
	*level = 0;
	if (!__atomic_load_n(&found, __ATOMIC_ACQUIRE))
		return false;
	if (read_one(pstate, &value))
		*level = PSTATE_EL(value);
	if (*level == 3)
		*state = TAP_STATE_ROOT;
	else if (read_one(scr, &value))
		*state = !(value & SCR_NS)  ? TAP_STATE_SECURE :
			 (value & SCR_NSE) ? TAP_STATE_REALM : TAP_STATE_NON_SECURE;
	return true;
}

bool registers_read(uint64_t *values, unsigned int count)
{
	bool all = true;

	for (unsigned int n = 0; n < count; n++)
		all &= read_one(general[n], &values[n]);
	return all;
}
