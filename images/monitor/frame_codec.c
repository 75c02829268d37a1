/* SPDX-License-Identifier: BSD-3-Clause */
#include <cca_abi.h>
#include <crc32.h>
#include <print.h>
#include <uart.h>

#include "frame_codec.h"

#define CRC_DIGITS 8

/* The frame being written, guarded by print_lock. */
static struct {
	uint32_t crc;
	bool separate; /* a number was written before */
} out;

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static char digit_char(uint64_t value)
{
	return "0123456789abcdef"[value & 15];
}

bool text_number(struct text *text, uint64_t *value)
{
	const char *start = text->next;

	*value = 0;
	while (text->next < text->end && digit_value(*text->next) >= 0)
		*value = *value << 4 | (uint64_t)digit_value(*text->next++);
	bool found = text->next > start;

	if (found && text->next < text->end && *text->next == ',')
		text->next++;
	return found;
}

bool text_data(struct text *text, uint8_t *data, uint32_t max, uint32_t *count)
{
	*count = 0;
	if (text->next == text->end)
		return true;
	if (*text->next++ != '=')
		return false;
	for (; text->end - text->next >= 2; text->next += 2) {
		int high = digit_value(text->next[0]);
		int low = digit_value(text->next[1]);

		if (high < 0 || low < 0 || *count == max)
			return false;
		data[(*count)++] = (uint8_t)(high << 4 | low);
	}
	return text->next == text->end;
}

bool frame_check(const char *start, const char *end, struct text *body)
{
	const char *colon = end - CRC_DIGITS - 1;
	struct text digits = { .next = colon + 1, .end = end };
	uint64_t sum;

	if (end - start < CRC_DIGITS + 2 || *colon != ':')
		return false;
	if (!text_number(&digits, &sum) || digits.next != end)
		return false;
	*body = (struct text){ .next = start + 1, .end = colon };
	return sum == crc32(0, start, (size_t)(colon - start));
}

static void put(char c)
{
	out.crc = crc32(out.crc, &c, 1);
	uart_putc(c);
}

void frame_begin(char type)
{
	spin_lock(&print_lock);
	out.crc = 0;
	out.separate = false;
	uart_putc(MONITOR_FRAME_SOH);
	put(type);
}

void frame_number(uint64_t value)
{
	unsigned int shift = 60;

	if (out.separate)
		put(',');
	out.separate = true;
	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		put(digit_char(value >> shift));
		if (shift == 0)
			break;
	}
}

void frame_data(const uint8_t *data, uint32_t count)
{
	put('=');
	for (uint32_t n = 0; n < count; n++) {
		put(digit_char(data[n] >> 4));
		put(digit_char(data[n]));
	}
}

void frame_end(void)
{
	uint32_t crc = out.crc;

	uart_putc(':');
	for (int shift = 4 * (CRC_DIGITS - 1); shift >= 0; shift -= 4)
		uart_putc(digit_char(crc >> shift));
	uart_putc(MONITOR_FRAME_EOT);
	spin_unlock(&print_lock);
}
