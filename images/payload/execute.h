/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a piece of code with all of x0..x30 chosen by the caller.
 *
 * Invariants: the code is reached by exception return and leaves by a direct branch to
 * execute_return, so that no general register is needed on either side; only SP must be
 * what it was. Exceptions inside use the same stack.
 */
#ifndef PAYLOAD_EXECUTE_H
#define PAYLOAD_EXECUTE_H

#include <stdint.h>

#define EXECUTE_REGISTERS 31

/* Load x0..x30 from the file, run `code`, store x0..x30 to the file. */
void execute_code(uint64_t file[EXECUTE_REGISTERS], const uint32_t *code);

extern char execute_return[];

#endif
