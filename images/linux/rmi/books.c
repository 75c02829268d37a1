// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/* Follows the calls that succeeded, as the specification says what they do to granules. */
#include <linux/highmem.h>

#include "rmi.h"

/* Bring a granule of the caller's to a state; one that the RMM names and we do not know is nobody's. */
static struct rmi_granule *become(struct rmi_owner *owner, u64 pa, enum rmi_state state, u64 parent)
{
	struct rmi_granule *granule = rmi_find(owner, pa);

	if (granule) {
		rmi_set_state(owner, granule, state);
		granule->parent = parent;
	}
	return granule;
}

/* All granules of a state whose parent is gone are delegated and free again. */
static void release_children(struct rmi_owner *owner, enum rmi_state state, u64 parent)
{
	struct rmi_granule *granule;
	unsigned long pfn;

	xa_for_each(&owner->granules, pfn, granule)
		if (granule->state == state && granule->parent == parent)
			rmi_set_state(owner, granule, RMI_DELEGATED);
}

static void forget_sharing(struct rmi_owner *owner, u64 rd)
{
	struct rmi_granule *granule;
	unsigned long pfn;

	xa_for_each(&owner->granules, pfn, granule)
		if (granule->shared == rd)
			granule->shared = 0;
}

static void book_realm_create(struct rmi_owner *owner, const struct rmi_plan *plan)
{
	const struct rmi_realm_params *params;
	struct rmi_granule *rd;
	u32 n;

	if (!plan->bounce)
		return;
	params = page_address(plan->bounce);
	rd = become(owner, plan->x[1], RMI_RD, 0);
	if (rd) {
		rd->level = params->rtt_level_start;
		rd->ipa_bits = params->s2sz;
	}
	for (n = 0; n < min(params->rtt_num_start, 16U); n++)
		become(owner, params->rtt_base + n * PAGE_SIZE, RMI_ROOT, plan->x[1]);
}

static void book_rec_create(struct rmi_owner *owner, const struct rmi_plan *plan)
{
	const struct rmi_rec_params *params;
	int n;

	if (!plan->bounce)
		return;
	params = page_address(plan->bounce);
	become(owner, plan->x[2], RMI_REC, plan->x[1]);
	for (n = 0; n < min_t(u64, params->num_aux, ARRAY_SIZE(params->aux)); n++)
		become(owner, params->aux[n], RMI_AUX, plan->x[2]);
}

static void book_rtt_create(struct rmi_owner *owner, const struct rmi_plan *plan)
{
	struct rmi_granule *table = become(owner, plan->x[2], RMI_TABLE, plan->x[1]);

	if (table) {
		table->at = plan->x[3];
		table->level = plan->x[4];
	}
}

static void book_data_create(struct rmi_owner *owner, const struct rmi_plan *plan)
{
	struct rmi_granule *data = become(owner, plan->x[2], RMI_DATA, plan->x[1]);

	if (data)
		data->at = plan->x[3];
}

void rmi_book(struct rmi_owner *owner, const struct rmi_plan *plan, const u64 *result)
{
	const u64 *x = plan->x;

	if (rmi_status(result[0]) != RMI_SUCCESS)
		return;
	switch (x[0]) {
	case FID_RMI_GRANULE_DELEGATE:
		become(owner, x[1], RMI_DELEGATED, 0);
		break;
	case FID_RMI_GRANULE_UNDELEGATE:
		become(owner, x[1], RMI_NORMAL, 0);
		break;
	case FID_RMI_DATA_CREATE:
	case FID_RMI_DATA_CREATE_UNKNOWN:
		book_data_create(owner, plan);
		break;
	case FID_RMI_RTT_CREATE:
		book_rtt_create(owner, plan);
		break;
	case FID_RMI_DATA_DESTROY:
	case FID_RMI_RTT_DESTROY:
	case FID_RMI_RTT_FOLD:
		become(owner, result[1], RMI_DELEGATED, 0);
		break;
	case FID_RMI_REALM_CREATE:
		book_realm_create(owner, plan);
		break;
	case FID_RMI_REALM_DESTROY:
		release_children(owner, RMI_ROOT, x[1]);
		forget_sharing(owner, x[1]);
		become(owner, x[1], RMI_DELEGATED, 0);
		break;
	case FID_RMI_REC_CREATE:
		book_rec_create(owner, plan);
		break;
	case FID_RMI_REC_DESTROY:
		release_children(owner, RMI_AUX, x[1]);
		become(owner, x[1], RMI_DELEGATED, 0);
		break;
	}
}
