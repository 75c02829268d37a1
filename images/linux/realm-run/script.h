/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands for the realm payload, from --do or the built-in demonstration.
 *
 * Invariants: commands run one at a time in the order of the script, each on the REC that it names; a command may take
 * several calls of the payload, whose reports it gets one by one.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "realm.h"

#define MAX_ARGS 8

struct command;

/*
 * Next call of a command, into `call`; false when it is done, with what it found in `result`. `report` is the answer
 * to the call before, NULL at first. Sets command->failed where something is not as it must be.
 */
typedef bool (*next_function)(struct realm *realm, struct command *command, const struct payload_report *report,
			      struct payload_command *call);

struct verb {
	const char *name;
	const char *usage;
	unsigned int least, most;	/* arguments; a text counts as one */
	next_function next;
	uint64_t op;	/* of those that are one call of the payload */
	bool is_text;
	bool ends_with_state;	/* the third argument is ram or empty */
	bool leaves;	/* no report comes */
};

struct command {
	const struct verb *verb;
	unsigned int rec;
	uint64_t args[MAX_ARGS];
	unsigned int num_args;
	const char *source;	/* as it was written */
	const char *text;
	bool expect_exception;
	unsigned int step;
	uint64_t state;
	bool failed;
	char result[256];
};

/* commands.c */
const struct verb *find_verb(const char *name);
void print_verbs(void);

/* script.c: parse; exits with EXIT_USAGE and a message on a mistake. */
void script_parse(struct realm *realm, const char *text);

#endif
