/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The guest's YIELD and WFE give the host's core away to whoever wants it.
 *
 * QEMU does nothing at these two while each CPU has a thread of its own: a CPU that waits in
 * a loop then holds a core that another CPU, or the harness, could use.
 *
 * Invariant: the guest's state is neither read nor changed.
 */
#ifndef YIELDS_H
#define YIELDS_H

#include "qemu_plugin_api.h"

/* Instrument the block's hints; count is its number of instructions. */
void yields_instrument(struct qemu_plugin_tb *tb, size_t count);

#endif
