/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What realm-run tells, line by line on standard error; the guest's console alone is on standard output.
 *
 * Invariants: a line is written with one write, so that lines of threads do not mix.
 */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>

/* Exit statuses; docs/realm-run.md lists them. */
enum {
	EXIT_OFF = 0,		/* the realm switched itself off */
	EXIT_COMMAND = 3,	/* a command of the script failed */
	EXIT_RESET = 4,		/* the realm asked for a reset */
	EXIT_STUCK = 5,		/* an exit that cannot be served */
	EXIT_TIMEOUT = 6,
	EXIT_USAGE = 64,
	EXIT_NO_IMAGE = 66,	/* a file cannot be used */
	EXIT_NO_DEVICE = 69,	/* no /dev/rmi */
	EXIT_NO_MEMORY = 71,
	EXIT_REFUSED = 76,	/* the RMM or the module refused a call */
};

extern bool say_trace, say_pause;

/* "realm-run: ..." */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with --trace only. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A stage of the realm's life is reached; with --pause, wait for a line on standard input. */
void stage(const char *name);
/* Say it and end the process; the module takes everything back. */
void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
