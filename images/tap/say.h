/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tap tells a person goes to QEMU's standard error, under its name. */
#ifndef SAY_H
#define SAY_H

#include <stdio.h>

#define say(format, ...) fprintf(stderr, "cca-tap: " format "\n", ##__VA_ARGS__)

#endif
