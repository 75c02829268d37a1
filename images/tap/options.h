/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's arguments, as QEMU hands them over: "key=value", one string each. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	bool record;		/* record SMCs; else only YIELD and WFE are seen to */
	const char *out;	/* the file to write; required to record */
	const char *ram;	/* file behind the guest's RAM; NULL: none */
	const char *at;		/* file that will hold its address in QEMU; NULL: none */
	uint64_t size_bytes;	/* of the RAM whose address comes later */
	uint64_t base;		/* physical address of that RAM's first byte */
	uint64_t limit_bytes;	/* most bytes that the file may have; 0: no limit */
	const char *stack;	/* hash of what boots, kept in the header */
	bool others;		/* record SMCs of no known family too */
	bool count;		/* count instructions */
};

/* Says what is wrong, and returns false, unless all arguments are understood. */
bool options_parse(struct options *options, int argc, char **argv);

#endif
