/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to Non-secure memory.
 *
 * Invariants:
 * - Non-secure memory is touched only here, at VA = PA + NS_ALIAS, and only by
 *   copying: nothing keeps a pointer to memory that the host can change.
 * - A Granule Protection Fault (or an external abort) during the copy makes the
 *   function return false; bytes already copied stay copied.
 */
#ifndef RMM_NSMEM_H
#define RMM_NSMEM_H

#define NS_ALIAS_SHIFT 39

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_ALIAS (1UL << NS_ALIAS_SHIFT)

/* True if pa is aligned, in DRAM and its granule is UNDELEGATED. */
bool ns_page_ok(uint64_t pa);

/* ns_pa and n must be multiples of 8; dst and src 8-byte aligned. */
bool ns_read(void *dst, uint64_t ns_pa, size_t n);
bool ns_write(uint64_t ns_pa, const void *src, size_t n);
#endif /* __ASSEMBLER__ */
#endif
