/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "device.h"

int device_open(struct device *device)
{
	device->fd = open("/dev/rmi", O_RDWR | O_CLOEXEC);
	if (device->fd < 0)
		return -errno;
	return device_info(device, &device->info);
}

int device_info(struct device *device, struct rmi_device_info *info)
{
	return ioctl(device->fd, RMI_DEVICE_IOCTL_INFO, info) ? -errno : 0;
}

int device_call(struct device *device, int cpu, uint64_t x[8])
{
	struct rmi_device_call call = { .cpu = cpu };

	memcpy(call.x, x, sizeof(call.x));
	if (ioctl(device->fd, RMI_DEVICE_IOCTL_CALL, &call))
		return -errno;
	memcpy(x, call.x, sizeof(call.x));
	return 0;
}

int device_alloc(struct device *device, uint64_t count, uint64_t align, uint64_t *pa)
{
	struct rmi_device_memory memory = { .count = count, .align = align };

	if (ioctl(device->fd, RMI_DEVICE_IOCTL_ALLOC, &memory))
		return -errno;
	*pa = memory.pa;
	return 0;
}

int device_free(struct device *device, uint64_t pa, uint64_t count)
{
	struct rmi_device_memory memory = { .pa = pa, .count = count };

	return ioctl(device->fd, RMI_DEVICE_IOCTL_FREE, &memory) ? -errno : 0;
}

void *device_map(struct device *device, uint64_t pa, uint64_t count)
{
	return mmap(NULL, count * GRANULE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, pa);
}
