/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stdint.h>

#include <print.h>
#include <uart.h>

struct spinlock print_lock;

/* One conversion as parsed behind the '%'. */
struct conversion {
	bool zero_fill;
	bool is_long;
	unsigned int width;
	char kind;
};

static void put_number(uint64_t value, unsigned int base, unsigned int width, char fill)
{
	char digits[20];
	unsigned int count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	for (; width > count; width--)
		uart_putc(fill);
	while (count > 0)
		uart_putc(digits[--count]);
}

static void put_signed(int64_t value, unsigned int width, char fill)
{
	uint64_t magnitude = (uint64_t)value;

	if (value < 0) {
		uart_putc('-');
		magnitude = 0 - magnitude;
		width = width > 0 ? width - 1 : 0;
	}
	put_number(magnitude, 10, width, fill);
}

static void put_string(const char *text, unsigned int width)
{
	unsigned int length = 0;

	for (; text[length] != '\0'; length++)
		uart_putc(text[length]);
	for (; length < width; length++)
		uart_putc(' ');
}

static const char *parse(const char *p, struct conversion *c)
{
	*c = (struct conversion){ .zero_fill = *p == '0' };
	for (; *p >= '0' && *p <= '9'; p++)
		c->width = c->width * 10 + (unsigned int)(*p - '0');
	for (; *p == 'l' || *p == 'z'; p++)
		c->is_long = true;
	c->kind = *p;
	return *p == '\0' ? p : p + 1;
}

static void vprint(const char *p, va_list *args)
{
	struct conversion c;

	while (*p != '\0') {
		if (*p != '%') {
			uart_putc(*p++);
			continue;
		}
		p = parse(p + 1, &c);
		char fill = c.zero_fill ? '0' : ' ';

		switch (c.kind) {
		case 's':
			put_string(va_arg(*args, const char *), c.width);
			break;
		case 'c':
			uart_putc((char)va_arg(*args, int));
			break;
		case 'd':
			put_signed(c.is_long ? va_arg(*args, int64_t) : va_arg(*args, int), c.width, fill);
			break;
		case 'u':
		case 'x':
			put_number(c.is_long ? va_arg(*args, uint64_t) : va_arg(*args, unsigned int),
				   c.kind == 'u' ? 10 : 16, c.width, fill);
			break;
		case 'p':
			uart_puts("0x");
			put_number((uintptr_t)va_arg(*args, void *), 16, 16, '0');
			break;
		default:
			uart_putc(c.kind);
			break;
		}
	}
}

void printk(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	spin_lock(&print_lock);
	vprint(format, &args);
	spin_unlock(&print_lock);
	va_end(args);
}
