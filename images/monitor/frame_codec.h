/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text of the serial frames: numbers, data bytes, checksum. See harness/abi/data/monitor.toml.
 *
 * Invariants: a frame is written between frame_begin() and frame_end() with print_lock
 * held, so that no other output of the monitor cuts it; a text cursor never moves past
 * its end.
 */
#ifndef MONITOR_FRAME_CODEC_H
#define MONITOR_FRAME_CODEC_H

#include <stdbool.h>
#include <stdint.h>

/* A piece of received text that is consumed from the front. */
struct text {
	const char *next;
	const char *end;
};

/* True if [start, end) is type, body, ':' and the right checksum; `body` is set to the body. */
bool frame_check(const char *start, const char *end, struct text *body);
/* Take a hexadecimal number and one ',' behind it, if there. False if no digit is next. */
bool text_number(struct text *text, uint64_t *value);
/* Take '=' and hex pairs. False if malformed or more than `max` bytes; `count` is 0 without '='. */
bool text_data(struct text *text, uint8_t *data, uint32_t max, uint32_t *count);

void frame_begin(char type);
/* Numbers are separated by commas; trailing zero numbers may be left out by the caller. */
void frame_number(uint64_t value);
void frame_data(const uint8_t *data, uint32_t count);
void frame_end(void);

#endif
