// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Decides which calls may be made: whatever they name must be the caller's own. */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "rmi.h"

/* Registers x1..x4 of a command that hold addresses of granules, as bits 1..4. */
static int addresses(u64 fid)
{
	switch (fid) {
	case FID_RMI_VERSION:
	case FID_RMI_FEATURES:
		return 0;
	case FID_RMI_GRANULE_DELEGATE:
	case FID_RMI_GRANULE_UNDELEGATE:
	case FID_RMI_DATA_DESTROY:
	case FID_RMI_REALM_ACTIVATE:
	case FID_RMI_REALM_DESTROY:
	case FID_RMI_REC_DESTROY:
	case FID_RMI_RTT_DESTROY:
	case FID_RMI_RTT_READ_ENTRY:
	case FID_RMI_RTT_MAP_UNPROTECTED:
	case FID_RMI_RTT_UNMAP_UNPROTECTED:
	case FID_RMI_RTT_FOLD:
	case FID_RMI_REC_AUX_COUNT:
	case FID_RMI_RTT_INIT_RIPAS:
		return BIT(1);
	case FID_RMI_REALM_CREATE:
	case FID_RMI_REC_ENTER:
	case FID_RMI_RTT_CREATE:
	case FID_RMI_PSCI_COMPLETE:
	case FID_RMI_DATA_CREATE_UNKNOWN:
	case FID_RMI_RTT_SET_RIPAS:
		return BIT(1) | BIT(2);
	case FID_RMI_REC_CREATE:
		return BIT(1) | BIT(2) | BIT(3);
	case FID_RMI_DATA_CREATE:
		return BIT(1) | BIT(2) | BIT(4);
	default:
		return -EOPNOTSUPP;
	}
}

/* An address that is not memory of the host is the RMM's to refuse. */
static bool may_name(struct rmi_owner *owner, u64 pa)
{
	return rmi_find(owner, pa) || !pfn_valid(PHYS_PFN(pa));
}

static bool may_name_all(struct rmi_owner *owner, u64 pa, u64 count)
{
	u64 n;

	for (n = 0; n < count; n++)
		if (!may_name(owner, pa + n * PAGE_SIZE))
			return false;
	return true;
}

/*
 * Parameters that name further granules are checked in a copy which the RMM reads then. A page that the RMM
 * will not read, because it is no aligned page of the normal world, is handed on as it is.
 */
static int take_parameters(struct rmi_owner *owner, struct rmi_plan *plan, int reg)
{
	struct rmi_granule *granule = rmi_find(owner, plan->x[reg]);

	if (!granule || granule->state != RMI_NORMAL || granule->pa != plan->x[reg])
		return 0;
	plan->bounce = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!plan->bounce)
		return -ENOMEM;
	copy_highpage(plan->bounce, phys_to_page(granule->pa));
	plan->x[reg] = page_to_phys(plan->bounce);
	return 1;
}

static int plan_realm_create(struct rmi_owner *owner, struct rmi_plan *plan)
{
	const struct rmi_realm_params *params;
	int taken = take_parameters(owner, plan, 2);

	if (taken <= 0)
		return taken;
	params = page_address(plan->bounce);
	/* More root tables than any start level can have are refused by the RMM. */
	if (!may_name_all(owner, params->rtt_base, min(params->rtt_num_start, 16U)))
		return -EPERM;
	return 0;
}

static int plan_rec_create(struct rmi_owner *owner, struct rmi_plan *plan)
{
	const struct rmi_rec_params *params;
	int n, taken = take_parameters(owner, plan, 3);

	if (taken <= 0)
		return taken;
	params = page_address(plan->bounce);
	for (n = 0; n < min_t(u64, params->num_aux, ARRAY_SIZE(params->aux)); n++)
		if (!may_name(owner, params->aux[n]))
			return -EPERM;
	return 0;
}

/* Whatever a realm may have mapped stays the file's own as long as the realm lives. */
static int plan_map(struct rmi_owner *owner, struct rmi_plan *plan)
{
	u64 rd = plan->x[1], level = plan->x[3], pa, count, n;
	struct rmi_granule *realm = rmi_find(owner, rd);

	if (!realm || realm->state != RMI_RD || level < 1 || level > 3)
		return 0;
	pa = plan->x[4] & GENMASK_ULL(47, 12);
	count = rmi_entry_bytes(level) >> PAGE_SHIFT;
	if (count > RMI_DEVICE_MAX_GRANULES)
		return -EPERM;
	pa &= ~(rmi_entry_bytes(level) - 1);
	if (!may_name_all(owner, pa, count))
		return -EPERM;
	for (n = 0; n < count; n++) {
		struct rmi_granule *granule = rmi_find(owner, pa + n * PAGE_SIZE);

		if (granule && granule->shared != rd)
			granule->shared = granule->shared ? RMI_SHARED_WITH_MANY : rd;
	}
	return 0;
}

static int plan_delegate(struct rmi_owner *owner, struct rmi_plan *plan)
{
	struct rmi_granule *granule = rmi_find(owner, plan->x[1]);

	if (!granule)
		return 0;
	if (granule->busy)
		return -EBUSY;
	rmi_unmap(owner, granule->pa, PAGE_SIZE);
	return 0;
}

static int plan_enter(struct rmi_owner *owner, struct rmi_plan *plan)
{
	int n;

	for (n = 0; n < ARRAY_SIZE(plan->busy); n++) {
		plan->busy[n] = rmi_find(owner, plan->x[1 + n]);
		if (plan->busy[n])
			plan->busy[n]->busy++;
	}
	return 0;
}

int rmi_plan_begin(struct rmi_owner *owner, struct rmi_plan *plan)
{
	int n, named = addresses(plan->x[0]);

	if (named < 0)
		return named;
	for (n = 1; n <= 4; n++)
		if (named & BIT(n) && !may_name(owner, plan->x[n]))
			return -EPERM;
	switch (plan->x[0]) {
	case FID_RMI_REALM_CREATE:
		return plan_realm_create(owner, plan);
	case FID_RMI_REC_CREATE:
		return plan_rec_create(owner, plan);
	case FID_RMI_RTT_MAP_UNPROTECTED:
		return plan_map(owner, plan);
	case FID_RMI_GRANULE_DELEGATE:
		return plan_delegate(owner, plan);
	case FID_RMI_REC_ENTER:
		return plan_enter(owner, plan);
	default:
		return 0;
	}
}

void rmi_plan_end(struct rmi_plan *plan)
{
	int n;

	for (n = 0; n < ARRAY_SIZE(plan->busy); n++)
		if (plan->busy[n])
			plan->busy[n]->busy--;
	if (plan->bounce)
		__free_page(plan->bounce);
}
