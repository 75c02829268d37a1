/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include <print.h>

#include "line.h"
#include "shell.h"

#define BACKSPACE 0x08
#define DELETE 0x7f
#define CTRL_C 0x03
#define CTRL_U 0x15

/* Room for an SMC with all its arguments. */
#define LENGTH_MAX 200

static struct {
	bool prompted;
	bool after_cr;
	unsigned int length;
	char text[LENGTH_MAX + 1];
} line;

static void prompt(void)
{
	printk("monitor> ");
	line.prompted = true;
	line.length = 0;
}

static void put(char c)
{
	if (!line.prompted)
		prompt();
	if (line.length == LENGTH_MAX)
		return;
	line.text[line.length++] = c;
	printk("%c", c);
}

static void erase(void)
{
	if (line.length > 0) {
		line.length--;
		printk("\b \b");
	}
}

static void end(void)
{
	line.text[line.length] = '\0';
	printk("\n");
	shell_run(line.text);
	prompt();
}

void line_take(char c)
{
	bool second_half = c == '\n' && line.after_cr;

	line.after_cr = c == '\r';
	if (second_half)
		return;
	switch (c) {
	case '\r':
	case '\n':
		end();
		break;
	case BACKSPACE:
	case DELETE:
		erase();
		break;
	case CTRL_C:
	case CTRL_U:
		while (line.length > 0)
			erase();
		break;
	default:
		if (c >= ' ' && c < DELETE)
			put(c);
		break;
	}
}

void line_drop(void)
{
	line.prompted = false;
	line.length = 0;
}
