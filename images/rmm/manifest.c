/* SPDX-License-Identifier: BSD-3-Clause */
#include "manifest.h"

#include <stdbool.h>
#include <stddef.h>

#include <uart.h>

#include "cca_abi.h"
#include "granule.h"
#include "xlat.h"

#define VERSION_MAJOR(v) ((v) >> 16)

/*
 * An array of the manifest: size and place within the shared page, and
 * count + pointer + all words + checksum = 0.
 */
static const void *checked_array(uint64_t page, uint64_t pointer, uint64_t count,
				 size_t element_size, uint64_t checksum)
{
	uint64_t sum = count + pointer + checksum;

	if (count > GRANULE_SIZE / element_size || pointer < page || pointer % 8 != 0 ||
	    pointer - page > GRANULE_SIZE - count * element_size)
		return NULL;
	for (size_t i = 0; i < count * element_size / 8; i++)
		sum += ((const uint64_t *)pointer)[i];
	return sum == 0 ? (const void *)pointer : NULL;
}

static bool load_banks(const struct rmm_manifest_bank *banks, uint64_t count)
{
	uint64_t end = 0; /* of the previous bank */

	for (uint64_t i = 0; i < count; i++) {
		uint64_t base = banks[i].base;
		uint64_t size_bytes = banks[i].size_bytes;

		if (!granule_aligned(base | size_bytes) || size_bytes == 0 || base < end ||
		    base >= 1UL << XLAT_PA_BITS || size_bytes > (1UL << XLAT_PA_BITS) - base ||
		    !granule_add_bank(base, size_bytes))
			return false;
		xlat_map_dram(base, size_bytes);
		end = base + size_bytes;
	}
	return count != 0;
}

/* Uses the first PL011; a machine without one runs silently. */
static void start_console(const struct rmm_manifest_console *consoles, uint64_t count)
{
	static const uint8_t pl011[sizeof(consoles->name)] = "pl011";

	for (uint64_t i = 0; i < count; i++) {
		bool match = true;

		for (size_t n = 0; n < sizeof(pl011); n++)
			match = match && consoles[i].name[n] == pl011[n];
		if (match && consoles[i].base < 1UL << XLAT_PA_BITS) {
			uart_init(xlat_map_ns_device(consoles[i].base));
			return;
		}
	}
}

int manifest_load(uint64_t shared_page)
{
	const struct rmm_manifest *manifest = (const void *)shared_page;
	const void *consoles;
	const void *banks;

	if (VERSION_MAJOR(manifest->version) != VERSION_MAJOR(RMM_EL3_MANIFEST_VERSION) ||
	    manifest->version < RMM_EL3_MANIFEST_VERSION)
		return RMM_BOOT_CODE_MANIFEST_VERSION_NOT_SUPPORTED;
	consoles = checked_array(shared_page, manifest->consoles, manifest->num_consoles,
				 sizeof(struct rmm_manifest_console), manifest->consoles_checksum);
	banks = checked_array(shared_page, manifest->banks, manifest->num_banks,
			      sizeof(struct rmm_manifest_bank), manifest->banks_checksum);
	if (consoles == NULL || banks == NULL)
		return RMM_BOOT_CODE_MANIFEST_DATA_ERROR;
	start_console(consoles, manifest->num_consoles);
	return load_banks(banks, manifest->num_banks) ? RMM_BOOT_CODE_SUCCESS :
							RMM_BOOT_CODE_MANIFEST_DATA_ERROR;
}
