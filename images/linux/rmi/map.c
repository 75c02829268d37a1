// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <linux/mm.h>

#include "rmi.h"

/*
 * Pages are mapped one by one, as bare frame numbers: nothing can pin one (GUP refuses VM_PFNMAP) and keep it
 * accessible after it was taken out of the page tables.
 */
static vm_fault_t rmi_fault(struct vm_fault *fault)
{
	struct rmi_owner *owner = fault->vma->vm_file->private_data;
	vm_fault_t result = VM_FAULT_SIGBUS;
	struct rmi_granule *granule;

	mutex_lock(&owner->lock);
	granule = rmi_find(owner, (u64)fault->pgoff << PAGE_SHIFT);
	if (granule && granule->state == RMI_NORMAL)
		result = vmf_insert_pfn(fault->vma, fault->address, fault->pgoff);
	mutex_unlock(&owner->lock);
	return result;
}

static const struct vm_operations_struct rmi_vm_ops = {
	.fault = rmi_fault,
};

int rmi_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct rmi_owner *owner = file->private_data;
	unsigned long n, count = vma_pages(vma);
	int error = 0;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (mutex_lock_killable(&owner->lock))
		return -EINTR;
	for (n = 0; n < count && !error; n++)
		if (!xa_load(&owner->granules, vma->vm_pgoff + n))
			error = -ENXIO;
	mutex_unlock(&owner->lock);
	if (error)
		return error;
	vm_flags_mod(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_ops = &rmi_vm_ops;
	return 0;
}

void rmi_unmap(struct rmi_owner *owner, u64 pa, u64 size)
{
	unmap_mapping_range(owner->mapping, pa, size, 1);
}
