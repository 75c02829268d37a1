/* SPDX-License-Identifier: BSD-3-Clause */
#include "nsmem.h"

#include "granule.h"

/* start.S */
bool ns_copy(void *dst, const void *src, size_t words);

bool ns_page_ok(uint64_t pa)
{
	return granule_is_tracked(pa) && granule_state(pa) == GRANULE_UNDELEGATED;
}

bool ns_read(void *dst, uint64_t ns_pa, size_t n)
{
	return ns_copy(dst, (const void *)(NS_ALIAS + ns_pa), n / sizeof(uint64_t));
}

bool ns_write(uint64_t ns_pa, const void *src, size_t n)
{
	return ns_copy((void *)(NS_ALIAS + ns_pa), src, n / sizeof(uint64_t));
}
