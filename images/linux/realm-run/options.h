/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. Ends the process with EXIT_USAGE and one line about what is wrong. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "realm.h"

void options_parse(struct options *options, int argc, char **argv);

#endif
