/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include <sysreg.h>
#include <unwind.h>

#include "exception.h"
#include "execute.h"
#include "rec.h"
#include "tables.h"

#define VECTOR_KIND_MASK 0x180
#define VECTOR_KIND_SYNC 0x000
#define VECTOR_KIND_SERROR 0x180

#define ESR_EC_SHIFT 26
#define ESR_EC_MASK 0x3f
#define EC_ILLEGAL_STATE 0x0e
#define EC_SVC 0x15
#define EC_INSTRUCTION_ABORT 0x21
#define EC_PC_ALIGNMENT 0x22
#define EC_DATA_ABORT 0x25
#define ESR_FSC_MASK 0x3f
#define FSC_TRANSLATION_LEVEL0 0x04
#define INSN_BYTES 4

#define INTID_VIRTUAL_TIMER 27
#define INTID_PHYSICAL_TIMER 30
#define INTID_SPECIAL 1020
#define TIMER_IMASK 2

static void take_interrupt(struct rec *rec)
{
	uint64_t intid = read_sysreg(icc_iar1_el1);

	if (intid >= INTID_SPECIAL && intid <= 1023)
		return;
	rec->irqs_total++;
	rec->report.irqs++;
	rec->report.last_intid = intid;
	if (intid == INTID_VIRTUAL_TIMER)
		write_sysreg(cntv_ctl_el0, read_sysreg(cntv_ctl_el0) | TIMER_IMASK);
	if (intid == INTID_PHYSICAL_TIMER)
		write_sysreg(cntp_ctl_el0, read_sysreg(cntp_ctl_el0) | TIMER_IMASK);
	isb();
	write_sysreg(icc_eoir1_el1, intid);
	isb();
}

/* Let the frame return to where the command can go on after a synchronous exception. */
static void skip(struct exception_frame *frame)
{
	switch (frame->esr >> ESR_EC_SHIFT & ESR_EC_MASK) {
	case EC_SVC:
		/* ELR is behind the instruction already. */
		break;
	case EC_ILLEGAL_STATE:
	case EC_INSTRUCTION_ABORT:
	case EC_PC_ALIGNMENT:
		frame->elr = (uint64_t)execute_return;
		break;
	default:
		frame->elr += INSN_BYTES;
		break;
	}
}

/* True if the exception only says that stage 1 has no table yet for an address that has one now. */
static bool mapped_now(const struct exception_frame *frame)
{
	uint64_t class = frame->esr >> ESR_EC_SHIFT & ESR_EC_MASK;

	return (class == EC_INSTRUCTION_ABORT || class == EC_DATA_ABORT) &&
	       (frame->esr & ESR_FSC_MASK) == FSC_TRANSLATION_LEVEL0 && tables_map(frame->far);
}

void exception_taken(struct exception_frame *frame, uint64_t vector)
{
	struct rec *rec = this_rec();
	uint64_t kind = vector & VECTOR_KIND_MASK;

	if (kind != VECTOR_KIND_SYNC && kind != VECTOR_KIND_SERROR) {
		take_interrupt(rec);
		return;
	}
	if (kind == VECTOR_KIND_SYNC && mapped_now(frame))
		return;
	rec->report.exceptions++;
	rec->report.esr = frame->esr;
	rec->report.far = frame->far;
	rec->report.elr = frame->elr;
	rec->report.vector = vector;
	if (kind == VECTOR_KIND_SERROR)
		return;
	if (rec->fetching) {
		frame->x[0] = (uint64_t)&rec->fetch_stack;
		frame->elr = (uint64_t)unwind_target;
	} else {
		skip(frame);
	}
}
