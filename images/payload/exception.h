/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exceptions taken to R-EL1.
 *
 * Invariants: every synchronous exception and SError of a command is counted and the last
 * one described in the REC's report. Execution continues behind the instruction; what has
 * no instruction to skip ends the code of EXECUTE; during FETCH any of them ends the
 * called code. Interrupts are counted and completed; a timer that fired has its IMASK set,
 * so that its line drops.
 */
#ifndef PAYLOAD_EXCEPTION_H
#define PAYLOAD_EXCEPTION_H

#include <frame.h>

void exception_taken(struct exception_frame *frame, uint64_t vector);

#endif
