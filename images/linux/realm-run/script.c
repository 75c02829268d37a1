/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exits.h"
#include "say.h"
#include "script.h"

static const char demonstration[] =
	"hello; rim; write ram+0x100000 0x1234; read ram+0x100000; "
	"ripas ram+0x200000 0x4000 empty; ripas-of ram+0x200000; ripas ram+0x200000 0x4000 ram; "
	"read ram+0x200000; write shared+0x300000 0xcafe; host-read shared+0x300000; "
	"puts hello from the realm; read uart+0x18 4; ! read uart+0x10000; timer 100000";

static struct command *commands;
static unsigned int num_commands, head;
static bool head_runs;	/* the head's call is with the payload */

static uint64_t symbol(const struct realm *realm, const char *name, size_t length)
{
	if (length == 3 && !strncmp(name, "ram", 3))
		return realm->ram;
	if (length == 6 && !strncmp(name, "shared", 6))
		return upper_half(realm) + realm->ram;
	if (length == 4 && !strncmp(name, "uart", 4))
		return upper_half(realm) + UART_OFFSET;
	die(EXIT_USAGE, "--do: %.*s is neither a number nor ram, shared, uart", (int)length, name);
}

static uint64_t ripas_state(const char *word)
{
	if (!strcmp(word, "ram"))
		return RSI_RIPAS_RAM;
	if (!strcmp(word, "empty"))
		return RSI_RIPAS_EMPTY;
	die(EXIT_USAGE, "--do: %s is neither ram nor empty", word);
}

/* NUMBER, NAME or NAME+NUMBER */
static uint64_t number(const struct realm *realm, const char *word)
{
	uint64_t value = 0;
	char *end;

	if (word[0] < '0' || word[0] > '9') {
		size_t length = strcspn(word, "+");

		value = symbol(realm, word, length);
		word += length;
		if (!*word)
			return value;
		word++;
	}
	errno = 0;
	value += strtoull(word, &end, 0);
	if (*end || end == word || errno)
		die(EXIT_USAGE, "--do: %s is no number", word);
	return value;
}

static char *skip_spaces(char *at)
{
	return at + strspn(at, " \t\n");
}

static void parse_arguments(struct realm *realm, struct command *command, char *rest)
{
	char *save = NULL;

	if (command->verb->is_text) {
		command->text = rest;
		command->num_args = *rest ? 1 : 0;
		return;
	}
	for (char *word = strtok_r(rest, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		if (command->num_args == MAX_ARGS)
			die(EXIT_USAGE, "--do: too many arguments: %s", command->source);
		if (command->num_args == 2 && command->verb->ends_with_state)
			command->args[command->num_args++] = ripas_state(word);
		else
			command->args[command->num_args++] = number(realm, word);
	}
}

static void parse_command(struct realm *realm, char *text)
{
	struct command *command;
	char *end, *rest;

	commands = realloc(commands, (num_commands + 1) * sizeof(*commands));
	if (!commands)
		die(EXIT_NO_MEMORY, "out of memory");
	command = &commands[num_commands++];
	*command = (struct command){ .source = strdup(text) };
	command->rec = strtoul(text, &end, 10);
	if (end != text && *end == ':')
		text = skip_spaces(end + 1);
	else
		command->rec = 0;
	if (command->rec >= realm->options->recs)
		die(EXIT_USAGE, "--do: there is no REC %u: %s", command->rec, command->source);
	if (*text == '!') {
		command->expect_exception = true;
		text = skip_spaces(text + 1);
	}
	rest = text + strcspn(text, " \t\n");
	if (*rest)
		*rest++ = 0;
	command->verb = find_verb(text);
	if (!command->verb)
		die(EXIT_USAGE, "--do: no command %s; --help lists them", text);
	parse_arguments(realm, command, skip_spaces(rest));
	if (command->num_args < command->verb->least || command->num_args > command->verb->most)
		die(EXIT_USAGE, "--do: %s: usage: %s %s", command->source, command->verb->name, command->verb->usage);
}

static void parse_list(struct realm *realm, const char *text)
{
	char *copy = strdup(text), *save = NULL;

	for (char *one = strtok_r(copy, ";", &save); one; one = strtok_r(NULL, ";", &save)) {
		size_t length;

		one = skip_spaces(one);
		length = strlen(one);
		while (length && strchr(" \t\n", one[length - 1]))
			one[--length] = 0;
		if (length)
			parse_command(realm, one);
	}
}

void script_parse(struct realm *realm, const char *text)
{
	char line[64];

	if (text) {
		parse_list(realm, text);
	} else {
		parse_list(realm, demonstration);
		for (unsigned int n = 1; n < realm->options->recs && realm->secondary_entry; n++) {
			snprintf(line, sizeof(line), "cpu-on %u; %u: hello; affinity %u", n, n, n);
			parse_list(realm, line);
		}
	}
	parse_list(realm, "off");
}

static void finish(struct realm *realm, struct command *command)
{
	say("rec %u: %s -> %s", command->rec, command->source, command->result[0] ? command->result : "done");
	head++;
	head_runs = false;
	pthread_cond_broadcast(&realm->changed);
	if (command->failed) {
		pthread_mutex_unlock(&realm->lock);
		realm_end(realm, EXIT_COMMAND);
		pthread_mutex_lock(&realm->lock);
	}
}

/* What the payload reports of the head's call; false if the command is over. */
static bool check_report(struct command *command, const struct payload_report *report)
{
	bool excepted = report->status == PAYLOAD_STATUS_EXCEPTION;

	if (report->status == PAYLOAD_STATUS_OK && !command->expect_exception)
		return true;
	command->failed = excepted != command->expect_exception;
	if (excepted)
		snprintf(command->result, sizeof(command->result), "exception, esr %#llx, far %#llx, elr %#llx",
			 (unsigned long long)report->esr, (unsigned long long)report->far,
			 (unsigned long long)report->elr);
	else
		snprintf(command->result, sizeof(command->result), "%s",
			 report->status == PAYLOAD_STATUS_OK ? "no exception" : "the payload does not know this");
	return false;
}

/* With `lock`: give the payload of this REC its next call; false when the realm has ended. */
static bool give_call(struct rec *rec, const struct payload_report *report, struct payload_command *call)
{
	struct realm *realm = rec->realm;

	while (!realm->ended) {
		struct command *command = &commands[head];

		if (head == num_commands || command->rec != rec->index) {
			pthread_cond_wait(&realm->changed, &realm->lock);
			continue;
		}
		if (head_runs && !check_report(command, report)) {
			finish(realm, command);
			continue;
		}
		if (!command->verb->next(realm, command, head_runs ? report : NULL, call)) {
			finish(realm, command);
			continue;
		}
		head_runs = true;
		if (command->verb->leaves)
			finish(realm, command);
		return true;
	}
	return false;
}

void serve_payload(struct rec *rec)
{
	struct payload_report report = *(struct payload_report *)rec->run->exit.gprs;
	struct payload_command call = { 0 };

	if (rec->index == 0 && rec->counts.host_call == 1)
		stage("enter");
	pthread_mutex_lock(&rec->realm->lock);
	if (give_call(rec, &report, &call))
		*(struct payload_command *)rec->run->enter.gprs = call;
	pthread_mutex_unlock(&rec->realm->lock);
}
