// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#include <linux/arm-smccc.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "rmi.h"

atomic64_t rmi_all_granules, rmi_all_delegated, rmi_all_lost, rmi_all_realms, rmi_all_recs, rmi_all_files;
static u32 rmi_version;

static int rmi_open(struct inode *inode, struct file *file)
{
	struct rmi_owner *owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);

	if (!owner)
		return -ENOMEM;
	mutex_init(&owner->lock);
	xa_init(&owner->granules);
	owner->mapping = file->f_mapping;
	file->private_data = owner;
	atomic64_inc(&rmi_all_files);
	return 0;
}

static int rmi_release(struct inode *inode, struct file *file)
{
	struct rmi_owner *owner = file->private_data;

	rmi_tear_down(owner);
	xa_destroy(&owner->granules);
	kfree(owner);
	atomic64_dec(&rmi_all_files);
	return 0;
}

static int fill_info(struct rmi_owner *owner, struct rmi_device_info *info)
{
	if (mutex_lock_killable(&owner->lock))
		return -EINTR;
	*info = (struct rmi_device_info) {
		.version = RMI_DEVICE_VERSION,
		.rmi_version = rmi_version,
		.granules = owner->count,
		.delegated = owner->delegated,
		.realms = owner->realms,
		.recs = owner->recs,
		.all_delegated = atomic64_read(&rmi_all_delegated),
		.lost = atomic64_read(&rmi_all_lost),
		.files = atomic64_read(&rmi_all_files),
	};
	mutex_unlock(&owner->lock);
	return 0;
}

static long rmi_ioctl(struct file *file, unsigned int request, unsigned long argument)
{
	struct rmi_owner *owner = file->private_data;
	void __user *user = (void __user *)argument;
	union {
		struct rmi_device_info info;
		struct rmi_device_call call;
		struct rmi_device_memory memory;
	} data;
	int error;

	switch (request) {
	case RMI_DEVICE_IOCTL_INFO:
	case RMI_DEVICE_IOCTL_CALL:
	case RMI_DEVICE_IOCTL_ALLOC:
	case RMI_DEVICE_IOCTL_FREE:
		break;
	default:
		return -ENOTTY;
	}
	if (_IOC_DIR(request) & _IOC_WRITE && copy_from_user(&data, user, _IOC_SIZE(request)))
		return -EFAULT;
	switch (request) {
	case RMI_DEVICE_IOCTL_INFO:
		error = fill_info(owner, &data.info);
		break;
	case RMI_DEVICE_IOCTL_CALL:
		error = rmi_call(owner, &data.call);
		break;
	case RMI_DEVICE_IOCTL_ALLOC:
		error = rmi_alloc(owner, &data.memory);
		break;
	default:
		error = rmi_free(owner, &data.memory);
		break;
	}
	if (!error && _IOC_DIR(request) & _IOC_READ && copy_to_user(user, &data, _IOC_SIZE(request)))
		error = -EFAULT;
	return error;
}

static const struct file_operations rmi_file_operations = {
	.owner = THIS_MODULE,
	.open = rmi_open,
	.release = rmi_release,
	.unlocked_ioctl = rmi_ioctl,
	.mmap = rmi_mmap,
};

#define RMI_COUNT(name)									\
static ssize_t name##_show(struct device *device, struct device_attribute *attribute, char *text)	\
{											\
	return sysfs_emit(text, "%lld\n", (long long)atomic64_read(&rmi_all_##name));	\
}											\
static DEVICE_ATTR_RO(name)

RMI_COUNT(granules);
RMI_COUNT(delegated);
RMI_COUNT(lost);
RMI_COUNT(realms);
RMI_COUNT(recs);
RMI_COUNT(files);

static struct attribute *rmi_attrs[] = {
	&dev_attr_granules.attr,
	&dev_attr_delegated.attr,
	&dev_attr_lost.attr,
	&dev_attr_realms.attr,
	&dev_attr_recs.attr,
	&dev_attr_files.attr,
	NULL,
};
ATTRIBUTE_GROUPS(rmi);

static struct miscdevice rmi_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "rmi",
	.mode = 0600,
	.fops = &rmi_file_operations,
	.groups = rmi_groups,
};

static int __init rmi_init(void)
{
	u64 x[8] = { FID_RMI_VERSION, RMI_ABI_VERSION };

	if (PAGE_SIZE != RMI_GRANULE_BYTES || arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_SMC) {
		pr_err("rmi: needs a kernel with pages of 4 KiB that reaches firmware by SMC\n");
		return -ENODEV;
	}
	rmi_smc(x);
	if (x[0] != RMI_SUCCESS) {
		pr_err("rmi: no RMM with RMI 1.0: RMI_VERSION answers %#llx, %#llx, %#llx\n", x[0], x[1], x[2]);
		return -ENODEV;
	}
	rmi_version = x[1];
	return misc_register(&rmi_device);
}
module_init(rmi_init);

static void __exit rmi_exit(void)
{
	misc_deregister(&rmi_device);
}
module_exit(rmi_exit);

MODULE_DESCRIPTION("RMI calls of user space, taken back when the file is closed");
MODULE_LICENSE("Dual BSD/GPL");
