// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "rmi.h"

struct rmi_granule *rmi_find(struct rmi_owner *owner, u64 pa)
{
	return xa_load(&owner->granules, pa >> PAGE_SHIFT);
}

void rmi_set_state(struct rmi_owner *owner, struct rmi_granule *granule, enum rmi_state state)
{
	int away = (state != RMI_NORMAL) - (granule->state != RMI_NORMAL);
	int realms = (state == RMI_RD) - (granule->state == RMI_RD);
	int recs = (state == RMI_REC) - (granule->state == RMI_REC);

	owner->delegated += away;
	owner->realms += realms;
	owner->recs += recs;
	atomic64_add(away, &rmi_all_delegated);
	atomic64_add(realms, &rmi_all_realms);
	atomic64_add(recs, &rmi_all_recs);
	granule->state = state;
}

/* Add pages, each of which is its own, to the books; all or none. */
static int own_pages(struct rmi_owner *owner, struct page *page, u64 count)
{
	u64 done;

	for (done = 0; done < count; done++) {
		struct rmi_granule *granule = kzalloc(sizeof(*granule), GFP_KERNEL_ACCOUNT);
		unsigned long pfn = page_to_pfn(page + done);

		if (!granule)
			break;
		granule->pa = PFN_PHYS(pfn);
		if (xa_is_err(xa_store(&owner->granules, pfn, granule, GFP_KERNEL_ACCOUNT))) {
			kfree(granule);
			break;
		}
	}
	if (done < count) {
		while (done--)
			kfree(xa_erase(&owner->granules, page_to_pfn(page + done)));
		return -ENOMEM;
	}
	owner->count += count;
	atomic64_add(count, &rmi_all_granules);
	return 0;
}

int rmi_alloc(struct rmi_owner *owner, struct rmi_device_memory *memory)
{
	u64 align = memory->align ?: PAGE_SIZE;
	u64 count = memory->count, n;
	struct page *page;
	unsigned int order;
	int error;

	if (memory->flags || !count || count > RMI_DEVICE_MAX_GRANULES)
		return -EINVAL;
	if (!is_power_of_2(align) || align > RMI_DEVICE_MAX_GRANULES * PAGE_SIZE)
		return -EINVAL;
	order = get_order(max(count << PAGE_SHIFT, align));
	page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN, order);
	if (!page)
		return -ENOMEM;
	split_page(page, order);
	for (n = count; n < 1UL << order; n++)
		__free_page(page + n);
	if (mutex_lock_killable(&owner->lock)) {
		error = -EINTR;
	} else {
		error = own_pages(owner, page, count);
		mutex_unlock(&owner->lock);
	}
	if (error) {
		for (n = 0; n < count; n++)
			__free_page(page + n);
		return error;
	}
	memory->pa = page_to_phys(page);
	return 0;
}

void rmi_give_back(struct rmi_owner *owner, struct rmi_granule *granule)
{
	struct page *page = phys_to_page(granule->pa);

	xa_erase(&owner->granules, granule->pa >> PAGE_SHIFT);
	owner->count--;
	atomic64_dec(&rmi_all_granules);
	clear_highpage(page);
	__free_page(page);
	kfree(granule);
}

static int check_free(struct rmi_owner *owner, u64 pa, u64 count)
{
	u64 n;

	for (n = 0; n < count; n++) {
		struct rmi_granule *granule = rmi_find(owner, pa + n * PAGE_SIZE);

		if (!granule)
			return -ENOENT;
		if (granule->state != RMI_NORMAL || granule->busy || granule->shared)
			return -EBUSY;
	}
	return 0;
}

int rmi_free(struct rmi_owner *owner, const struct rmi_device_memory *memory)
{
	u64 pa = memory->pa, count = memory->count, n;
	int error;

	if (memory->flags || !count || count > RMI_DEVICE_MAX_GRANULES || !PAGE_ALIGNED(pa))
		return -EINVAL;
	if (mutex_lock_killable(&owner->lock))
		return -EINTR;
	error = check_free(owner, pa, count);
	if (!error) {
		rmi_unmap(owner, pa, count << PAGE_SHIFT);
		for (n = 0; n < count; n++)
			rmi_give_back(owner, rmi_find(owner, pa + n * PAGE_SIZE));
	}
	mutex_unlock(&owner->lock);
	return error;
}
