/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The boot manifest of EL3.
 *
 * Invariants:
 * - Accepted: version 0.3 or a later 0.x (later versions only add fields).
 * - Both arrays lie in the shared page and their checksums hold before any of
 *   their values is used.
 * - DRAM banks: granule aligned, ascending, below 2^XLAT_PA_BITS, at least one.
 */
#ifndef RMM_MANIFEST_H
#define RMM_MANIFEST_H

#include <stdint.h>

/*
 * Checks the manifest in the shared page, maps its DRAM, makes its granules known
 * and starts the console. Returns an RMM_BOOT_CODE_* value.
 */
int manifest_load(uint64_t shared_page);

#endif
