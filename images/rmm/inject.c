/* SPDX-License-Identifier: BSD-3-Clause */
#include "inject.h"

#include <sysreg.h>

#include "esr.h"

#define SCTLR_SPAN (1UL << 23)
#define SCTLR_DSSBS (1UL << 44)

#define VECTOR_SAME_SP0 0x000UL
#define VECTOR_SAME_SPX 0x200UL
#define VECTOR_LOWER_A64 0x400UL
#define VECTOR_LOWER_A32 0x600UL

static bool from_el1(const struct rec *rec)
{
	return (rec->pstate & PSTATE_AARCH32) == 0 && (rec->pstate & PSTATE_EL_MASK) != 0;
}

static uint64_t vector_offset(const struct rec *rec)
{
	if ((rec->pstate & PSTATE_AARCH32) != 0)
		return VECTOR_LOWER_A32;
	if (!from_el1(rec))
		return VECTOR_LOWER_A64;
	return (rec->pstate & PSTATE_SPSEL) != 0 ? VECTOR_SAME_SPX : VECTOR_SAME_SP0;
}

/* PSTATE on entry to EL1. TCO is set as on any exception entry; without MTE the bit is ignored. */
static uint64_t handler_pstate(const struct rec *rec)
{
	uint64_t sctlr = read_sysreg(sctlr_el1);
	uint64_t pstate = rec->pstate & (PSTATE_NZCV | PSTATE_PAN | PSTATE_DIT);

	pstate |= PSTATE_TCO | PSTATE_DAIF | PSTATE_EL1H;
	if ((sctlr & SCTLR_SPAN) == 0)
		pstate |= PSTATE_PAN;
	if ((sctlr & SCTLR_DSSBS) != 0)
		pstate |= PSTATE_SSBS;
	return pstate;
}

static void take_exception(struct rec *rec, uint64_t esr)
{
	uint64_t vector = read_sysreg(vbar_el1) + vector_offset(rec);
	uint64_t pstate = handler_pstate(rec);

	write_sysreg(esr_el1, esr);
	write_sysreg(elr_el1, rec->pc);
	write_sysreg(spsr_el1, rec->pstate);
	rec->pc = vector;
	rec->pstate = pstate;
}

void inject_undefined(struct rec *rec)
{
	take_exception(rec, (EC_UNKNOWN << ESR_EC_SHIFT) | ESR_IL);
}

void inject_external_abort(struct rec *rec, uint64_t esr, uint64_t far)
{
	bool fetch = ESR_EC(esr) == EC_INST_ABORT_LOWER;
	uint64_t class;

	if (fetch)
		class = from_el1(rec) ? EC_INST_ABORT_SAME : EC_INST_ABORT_LOWER;
	else
		class = from_el1(rec) ? EC_DATA_ABORT_SAME : EC_DATA_ABORT_LOWER;
	write_sysreg(far_el1, far);
	take_exception(rec, (class << ESR_EC_SHIFT) | ESR_IL | (esr & ESR_FNV) |
				    (fetch ? 0 : esr & ESR_WNR) | FSC_EXTERNAL);
}
