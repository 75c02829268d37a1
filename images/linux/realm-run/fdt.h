/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes a flattened device tree, node by node.
 *
 * Invariants: nodes are closed in the order opposite to that in which they were opened; a tree that does not fit
 * ends the process.
 */
#ifndef FDT_H
#define FDT_H

#include <stddef.h>
#include <stdint.h>

void fdt_begin(void);
void fdt_node(const char *name);
void fdt_end_node(void);
void fdt_bytes(const char *name, const void *value, size_t bytes);
void fdt_text(const char *name, const char *value);
void fdt_cells(const char *name, const uint32_t *cells, size_t count);
/* The finished tree; it stays until the next fdt_begin(). */
const void *fdt_finish(size_t *bytes);

#define FDT_CELLS(name, ...)								\
	fdt_cells(name, (const uint32_t[]){ __VA_ARGS__ },				\
		  sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

#endif
