/* SPDX-License-Identifier: BSD-3-Clause */
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cca_abi.h"
#include "say.h"

static bool number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static bool choice(const char *text, const char *yes, const char *no, bool *value)
{
	*value = strcmp(text, yes) == 0;
	return *value || strcmp(text, no) == 0;
}

static bool take(struct options *options, const char *key, size_t length, const char *value)
{
#define IS(name) (length == sizeof(name) - 1 && memcmp(key, name, length) == 0)
	if (IS("record"))
		return choice(value, "on", "off", &options->record);
	if (IS("out"))
		return *(options->out = value) != '\0';
	if (IS("ram"))
		return *(options->ram = value) != '\0';
	if (IS("at"))
		return *(options->at = value) != '\0';
	if (IS("size"))
		return number(value, &options->size_bytes);
	if (IS("base"))
		return number(value, &options->base);
	if (IS("limit"))
		return number(value, &options->limit_bytes);
	if (IS("stack"))
		return strlen(options->stack = value) < sizeof(((struct tap_header *)0)->stack_hash);
	if (IS("others"))
		return choice(value, "record", "count", &options->others);
	if (IS("count"))
		return choice(value, "on", "off", &options->count);
#undef IS
	return false;
}

bool options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){ .record = true, .stack = "" };
	for (int n = 0; n < argc; n++) {
		const char *equals = strchr(argv[n], '=');

		if (!equals || !take(options, argv[n], equals - argv[n], equals + 1)) {
			say("argument '%s' is not understood; there are out=FILE, record=on|off, ram=FILE, "
			    "at=FILE, size=BYTES, base=ADDRESS, limit=BYTES, stack=HASH, others=record|count, "
			    "count=on|off", argv[n]);
			return false;
		}
	}
	if (options->record && !options->out) {
		say("argument out=FILE is missing");
		return false;
	}
	return true;
}
