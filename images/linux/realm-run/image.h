/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that the realm is loaded from.
 *
 * Invariants: a file that cannot be used ends the process with EXIT_NO_IMAGE and its name.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "realm.h"

struct file {
	const char *path;
	const uint8_t *data;
	uint64_t bytes;
};

/* Map a file that is not empty. */
struct file file_open(const char *path);
void file_close(struct file *file);

/* image.c: load the payload, a raw image or an ELF file, and set the entries. */
void image_load(struct realm *realm, const char *path);
/* linux.c: load kernel, initial RAM disk and device tree, and set the entry. */
void linux_load(struct realm *realm);

#endif
