/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "say.h"

bool say_trace, say_pause;

static void line(const char *format, va_list values)
{
	char text[1024] = "realm-run: ";
	int at = 11, length = vsnprintf(text + at, sizeof(text) - at - 1, format, values);

	length = at + (length < (int)sizeof(text) - at - 1 ? length : (int)sizeof(text) - at - 2);
	text[length++] = '\n';
	if (write(STDERR_FILENO, text, length) < 0)
		return;
}

void say(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	line(format, values);
	va_end(values);
}

void trace(const char *format, ...)
{
	va_list values;

	if (!say_trace)
		return;
	va_start(values, format);
	line(format, values);
	va_end(values);
}

void stage(const char *name)
{
	char byte;

	if (!say_pause) {
		trace("stage: %s", name);
		return;
	}
	say("stage: %s", name);
	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
}

void die(int status, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	line(format, values);
	va_end(values);
	_exit(status);
}
