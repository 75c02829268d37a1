/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include "exits.h"

#define UART_FR 0x18
#define UART_IMSC 0x38
#define UART_RIS 0x3c
#define UART_MIS 0x40
#define UART_ICR 0x44
#define UART_FR_EMPTY 0x90	/* nothing to send, nothing received */
#define UART_TX (1U << 5)
#define UART_ID 0xfe0
#define REGISTERS 0x48

/* PeriphID and PCellID of a PL011. */
static const uint8_t identity[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t registers[REGISTERS / 4];	/* those that keep what is written; RIS is the raw status */

static uint32_t *reg(uint64_t offset)
{
	return &registers[offset / 4];
}

static uint64_t read_locked(uint64_t offset)
{
	if (offset == UART_FR)
		return UART_FR_EMPTY;
	if (offset >= UART_ID && offset < UART_ID + 4 * sizeof(identity))
		return identity[(offset - UART_ID) / 4];
	if (offset == UART_MIS)
		return *reg(UART_RIS) & *reg(UART_IMSC);
	if (offset == UART_DR || offset >= REGISTERS)
		return 0;
	return *reg(offset);
}

uint64_t uart_read(uint64_t offset)
{
	uint64_t value;

	pthread_mutex_lock(&lock);
	value = read_locked(offset);
	pthread_mutex_unlock(&lock);
	return value;
}

void uart_write(uint64_t offset, uint64_t value)
{
	char byte = value;

	pthread_mutex_lock(&lock);
	if (offset == UART_DR) {
		/* It is sent at once: there is room again. */
		*reg(UART_RIS) |= UART_TX;
		if (write(STDOUT_FILENO, &byte, 1) < 0)
			byte = 0;
	} else if (offset == UART_ICR) {
		*reg(UART_RIS) &= ~value;
	} else if (offset < REGISTERS && offset != UART_RIS) {
		*reg(offset) = value;
	}
	pthread_mutex_unlock(&lock);
}

bool uart_interrupts(void)
{
	return uart_read(UART_MIS) != 0;
}
