/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the registers of the CPU whose callback is running. */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Finds the registers by name; to be called in the callback that a CPU is there.
 * `api` is the plugin interface of the running QEMU. Says what is missing.
 */
bool registers_find(int api);

/* Exception level and security state (enum TapState); false if no CPU has shown its registers. */
bool registers_where(uint8_t *state, uint8_t *level);

/* x0.. into values; false if one of them could not be read. */
bool registers_read(uint64_t *values, unsigned int count);

#endif
