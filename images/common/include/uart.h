/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PL011 by polling.
 *
 * Invariants: firmware has set line parameters and enabled the UART; this code
 * changes none of them. Before uart_init() all output is dropped and input is empty.
 * Bytes go out exactly as given (no CR before LF). No locking here.
 */
#ifndef COMMON_UART_H
#define COMMON_UART_H

#include <stddef.h>
#include <stdint.h>

void uart_init(uintptr_t base);
void uart_putc(char c);
void uart_puts(const char *text);
/* The next received byte, or -1. */
int uart_try_getc(void);

#endif
