/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where things are on the QEMU virt machine.
 *
 * Invariants: the monitor, its stacks and mailboxes lie in [MONITOR_BASE, MONITOR_LIMIT);
 * addresses below DEVICE_LIMIT are devices, [DEVICE_LIMIT, NORMAL_LIMIT) is treated as
 * memory, both mapped one to one.
 */
#ifndef MONITOR_LAYOUT_H
#define MONITOR_LAYOUT_H

#define MONITOR_BASE 0x60000000
#define MONITOR_LIMIT 0x60400000

#define UART_BASE 0x09000000
#define GICD_BASE 0x08000000
#define GICR_BASE 0x080A0000
#define GICR_STRIDE 0x20000

#define GIB_SHIFT 30
#define DEVICE_LIMIT_GIB 1
#define NORMAL_LIMIT_GIB 256

#define STACK_SIZE 0x2000

#endif
