/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/rmi and memory from it.
 *
 * Invariants: one device per process; memory is allocated in chunks that are mapped once and stay; a function
 * that returns int returns 0 or a negative errno.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include <cca_abi.h>

#define GRANULE_BYTES 4096ULL

struct device {
	int fd;
	struct rmi_device_info info;
};

int device_open(struct device *device);
int device_info(struct device *device, struct rmi_device_info *info);

/* x0..x7 in and out, on CPU `cpu` or RMI_DEVICE_ANY_CPU. */
int device_call(struct device *device, int cpu, uint64_t x[8]);

/* Allocate adjacent granules; pa is filled in. */
int device_alloc(struct device *device, uint64_t count, uint64_t align, uint64_t *pa);
int device_free(struct device *device, uint64_t pa, uint64_t count);

/* Map granules of this file; MAP_FAILED and errno where that is not possible. */
void *device_map(struct device *device, uint64_t pa, uint64_t count);

#endif
