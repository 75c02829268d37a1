/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmid.h"

#include "feature.h"

static uint64_t used[(UINT16_MAX + 1) / 64];

static uint64_t bit(uint16_t vmid)
{
	return 1UL << (vmid % 64);
}

bool vmid_available(uint16_t vmid)
{
	return vmid < 1UL << feature_vmid_bits() && (used[vmid / 64] & bit(vmid)) == 0;
}

void vmid_reserve(uint16_t vmid)
{
	used[vmid / 64] |= bit(vmid);
}

void vmid_free(uint16_t vmid)
{
	used[vmid / 64] &= ~bit(vmid);
}
