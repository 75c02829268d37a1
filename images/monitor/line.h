/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A person's lines on the UART, beside the frames.
 *
 * Invariants: only PE 0 calls this, with the bytes outside of frames. Nothing is written
 * before a printable character or an end of line has come in. What is executed is what
 * was echoed: other bytes and what does not fit are dropped, so that noise costs about
 * its own length in echo and a short answer for an end of line.
 */
#ifndef MONITOR_LINE_H
#define MONITOR_LINE_H

void line_take(char c);
/* A frame comes next: forget what was typed. */
void line_drop(void);

#endif
