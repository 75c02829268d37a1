/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VMIDs in use.
 *
 * Invariants: a VMID belongs to at most one Realm; when it is free no TLB holds
 * entries of it (REALM_DESTROY invalidates before vmid_free). RMM lock held.
 */
#ifndef RMM_VMID_H
#define RMM_VMID_H

#include <stdbool.h>
#include <stdint.h>

/* False if the VMID is out of range or in use. */
bool vmid_available(uint16_t vmid);
void vmid_reserve(uint16_t vmid);
void vmid_free(uint16_t vmid);

#endif
