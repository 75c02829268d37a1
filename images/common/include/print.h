/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Formatted text on the UART.
 *
 * Invariants: one printk() call is one uninterrupted piece of output among the PEs of
 * this image (other worlds share the UART and may still cut in).
 * Formats: %s %c %d %u %x %p %%, with l, ll or z for 64 bits, an optional 0 flag and a
 * decimal width. %p is 0x and sixteen digits.
 */
#ifndef COMMON_PRINT_H
#define COMMON_PRINT_H

#include <stdarg.h>

#include <spinlock.h>

/* Held during every printk(); whoever writes raw UART output takes it, too. */
extern struct spinlock print_lock;

void printk(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
