/* SPDX-License-Identifier: BSD-3-Clause */
#include <uart.h>

#define PL011_DR 0x00
#define PL011_FR 0x18
#define FR_RX_EMPTY (1u << 4)
#define FR_TX_FULL (1u << 5)

static uintptr_t uart_base;

static volatile uint32_t *reg(unsigned int offset)
{
	return (volatile uint32_t *)(uart_base + offset);
}

void uart_init(uintptr_t base)
{
	uart_base = base;
}

void uart_putc(char c)
{
	if (uart_base == 0)
		return;
	while ((*reg(PL011_FR) & FR_TX_FULL) != 0)
		;
	*reg(PL011_DR) = (uint8_t)c;
}

void uart_puts(const char *text)
{
	while (*text != '\0')
		uart_putc(*text++);
}

int uart_try_getc(void)
{
	if (uart_base == 0 || (*reg(PL011_FR) & FR_RX_EMPTY) != 0)
		return -1;
	return (int)(*reg(PL011_DR) & 0xff);
}
