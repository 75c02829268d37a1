/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands that a person gives the monitor.
 *
 * Invariants: commands run on PE 0, between requests, and touch no mailbox; an abort ends
 * the command, not the monitor; every number read or written is hexadecimal.
 */
#ifndef MONITOR_SHELL_H
#define MONITOR_SHELL_H

/* Execute one line; its words are cut apart in place. An empty line does nothing. */
void shell_run(char *line);

#endif
