/* SPDX-License-Identifier: BSD-3-Clause */
#include "abort.h"

#include <sysreg.h>

#include "esr.h"
#include "inject.h"
#include "panic.h"
#include "rtt.h"
#include "step.h"

#define HPFAR_FIPA_MASK 0xFFFFFFFFFF0UL
#define HPFAR_TO_IPA_SHIFT 8
#define PAGE_OFFSET_MASK 0xFFFUL

#define PAR_FAILED 1UL
#define PAR_PA_MASK 0xFFFFFFFFF000UL

#define ESR_EXPOSED (ESR_EC_MASK | ESR_SET_MASK | ESR_FNV | ESR_EA | ESR_FSC_MASK)
#define ESR_EXPOSED_MMIO (ESR_ISV | ESR_SAS_MASK | ESR_SF | ESR_WNR)

#define REGISTER_ZERO 31U

/* start.S: PAR_EL1 after AT S1E1R; PAR_FAILED, too, if the walk was aborted. */
uint64_t at_s1_read(uint64_t va);

static uint64_t fault_class(uint64_t esr)
{
	return esr & ESR_FSC_MASK & ~FSC_LEVEL_MASK;
}

static bool is_external(uint64_t esr)
{
	uint64_t fsc = esr & ESR_FSC_MASK;

	return fsc == FSC_EXTERNAL ||
	       (fsc >= FSC_EXTERNAL_WALK_FIRST && fsc <= FSC_EXTERNAL_WALK_LAST);
}

static bool is_granule_protection(uint64_t esr)
{
	uint64_t fsc = esr & ESR_FSC_MASK;

	return fsc >= FSC_GPF_WALK_FIRST && fsc <= FSC_GPF;
}

static void sync_exit(struct run *run, uint64_t esr, uint64_t far, uint64_t hpfar)
{
	run->exit->exit_reason = RMI_REC_EXIT_REASON_SYNC;
	run->exit->esr = esr;
	run->exit->far = far;
	run->exit->hpfar = hpfar;
}

static enum run_next deny(struct run *run)
{
	inject_external_abort(run->rec, run->esr, run->far);
	return RUN_RESUME;
}

static uint64_t access_mask(uint64_t esr)
{
	unsigned int bytes = 1U << ((esr & ESR_SAS_MASK) >> ESR_SAS_SHIFT);

	return bytes == sizeof(uint64_t) ? UINT64_MAX : (1UL << (8 * bytes)) - 1;
}

/*
 * An abort that the memory system reported. Uncontainable: no state of this PE can be trusted any
 * more. Restartable: the access can be tried again. Otherwise the Realm must be told that its
 * access is lost.
 */
static enum run_next external_abort(struct run *run)
{
	uint64_t severity = (run->esr & ESR_SET_MASK) >> ESR_SET_SHIFT;

	if (severity == SET_UNCONTAINABLE)
		panic("uncontainable external abort in a Realm");
	sync_exit(run, run->esr & ESR_EXPOSED, 0, 0);
	if (severity != SET_RESTARTABLE)
		inject_external_abort(run->rec, run->esr, run->far);
	return RUN_EXIT;
}

/*
 * HPFAR_EL2 holds the IPA but for granule protection and alignment faults, and for permission
 * faults other than those of a stage 1 walk.
 */
static bool hpfar_is_written(uint64_t esr)
{
	return !is_granule_protection(esr) && (esr & ESR_FSC_MASK) != FSC_ALIGNMENT &&
	       (fault_class(esr) != FSC_PERMISSION || (esr & ESR_S1PTW) != 0);
}

/*
 * Fills in the IPA that the hardware did not report, from the stage 1 tables. False if these have
 * changed meanwhile, so that the access is to be tried again.
 */
static bool find_hpfar(struct run *run)
{
	uint64_t par, result;

	if (hpfar_is_written(run->esr))
		return true;
	par = read_sysreg(par_el1);
	result = at_s1_read(run->far);
	write_sysreg(par_el1, par);
	run->hpfar = (result & PAR_PA_MASK) >> HPFAR_TO_IPA_SHIFT;
	return (result & PAR_FAILED) == 0;
}

static uint64_t fault_ipa(const struct run *run)
{
	return ((run->hpfar & HPFAR_FIPA_MASK) << HPFAR_TO_IPA_SHIFT) |
	       (run->far & PAGE_OFFSET_MASK);
}

/*
 * The fault cannot be resolved by the host: outside the IPA space (DEN0137 wants a stage 1 Address
 * Size Fault here, known hosts and Realms are used to the external abort), or a protected page that
 * the Realm declared empty.
 */
static bool is_denied(const struct run *run, uint64_t ipa, struct rtt_walk *walk)
{
	if (ipa >= rd_ipa_size(run->rd))
		return true;
	rtt_walk(run->rd, ipa, RTT_LEVEL_PAGE, walk);
	return rd_ipa_is_protected(run->rd, ipa) && walk->ripas == RIPAS_EMPTY;
}

/*
 * Another PE mapped the page since the fault was taken, so that the access may succeed now. What
 * is wrong with a mapping (rights, Device memory, the granule) stays wrong.
 */
static bool is_stale(const struct run *run, const struct rtt_walk *walk)
{
	if (fault_class(run->esr) != FSC_TRANSLATION)
		return false;
	if (walk->hipas == HIPAS_ASSIGNED)
		return walk->ripas == RIPAS_RAM;
	return walk->hipas == HIPAS_ASSIGNED_NS;
}

static enum run_next protected_data_abort(struct run *run)
{
	sync_exit(run, run->esr & ESR_EXPOSED, 0, run->hpfar & HPFAR_FIPA_MASK);
	return RUN_EXIT;
}

static enum run_next unprotected_data_abort(struct run *run, bool emulatable)
{
	struct rec *rec = run->rec;
	uint64_t exposed = ESR_EXPOSED | ESR_IL;
	uint64_t far = (rec->pstate & PSTATE_AARCH32) != 0 ? 0 : run->far & PAGE_OFFSET_MASK;

	rec->abort = REC_ABORT_UNPROTECTED;
	if (emulatable) {
		unsigned int rt = ESR_SRT(run->esr);

		rec->abort = REC_ABORT_EMULATABLE;
		exposed |= ESR_EXPOSED_MMIO;
		if ((run->esr & ESR_WNR) != 0 && rt != REGISTER_ZERO)
			run->exit->gprs[0] = rec->gprs[rt] & access_mask(run->esr);
	}
	rec->abort_esr = run->esr;
	rec->abort_far = run->far;
	sync_exit(run, run->esr & exposed, far, run->hpfar & HPFAR_FIPA_MASK);
	return RUN_EXIT;
}

enum run_next abort_data(struct run *run)
{
	struct rtt_walk walk;
	uint64_t ipa;

	if (is_external(run->esr))
		return external_abort(run);
	/* The host took back memory in which the Realm has its stage 1 tables. */
	if (is_granule_protection(run->esr) && (run->esr & ESR_FSC_MASK) != FSC_GPF)
		return deny(run);
	if (!find_hpfar(run))
		return RUN_RESUME;
	ipa = fault_ipa(run);
	if (is_denied(run, ipa, &walk))
		return deny(run);
	if (is_stale(run, &walk))
		return RUN_RESUME;
	if (rd_ipa_is_protected(run->rd, ipa))
		return protected_data_abort(run);
	return unprotected_data_abort(run, walk.hipas == HIPAS_UNASSIGNED_NS &&
						   (run->esr & ESR_ISV) != 0 &&
						   (run->rec->pstate & PSTATE_AARCH32) == 0);
}

enum run_next abort_instruction(struct run *run)
{
	struct rtt_walk walk;
	uint64_t ipa;

	if (is_external(run->esr))
		return external_abort(run);
	if (is_granule_protection(run->esr))
		return deny(run);
	if (!find_hpfar(run))
		return RUN_RESUME;
	ipa = fault_ipa(run);
	if (is_denied(run, ipa, &walk) || !rd_ipa_is_protected(run->rd, ipa))
		return deny(run);
	if (is_stale(run, &walk))
		return RUN_RESUME;
	sync_exit(run, run->esr & ESR_EXPOSED, 0, run->hpfar & HPFAR_FIPA_MASK);
	return RUN_EXIT;
}

enum run_next abort_emulated(struct run *run, uint64_t ipa, int level)
{
	sync_exit(run, (EC_DATA_ABORT_LOWER << ESR_EC_SHIFT) | FSC_TRANSLATION | (uint64_t)level, 0,
		  (ipa & ~PAGE_OFFSET_MASK) >> HPFAR_TO_IPA_SHIFT);
	return RUN_EXIT;
}

bool abort_entry_sea_ok(const struct rec *rec, const struct rmi_rec_enter *enter)
{
	return (enter->flags & RMI_REC_ENTER_FLAGS_INJECT_SEA_MASK) == 0 ||
	       rec->abort != REC_ABORT_NONE;
}

bool abort_entry_mmio_ok(const struct rec *rec, const struct rmi_rec_enter *enter)
{
	return (enter->flags & RMI_REC_ENTER_FLAGS_EMUL_MMIO_MASK) == 0 ||
	       rec->abort == REC_ABORT_EMULATABLE;
}

static void emulate_mmio(struct rec *rec, uint64_t value)
{
	uint64_t esr = rec->abort_esr, mask = access_mask(esr);
	unsigned int rt = ESR_SRT(esr);

	step_over(rec);
	if ((esr & ESR_WNR) != 0 || rt == REGISTER_ZERO)
		return;
	value &= mask;
	if ((esr & ESR_SSE) != 0 && (value & (mask ^ (mask >> 1))) != 0)
		value |= ~mask;
	if ((esr & ESR_SF) == 0)
		value = (uint32_t)value;
	rec->gprs[rt] = value;
}

void abort_complete(struct run *run)
{
	struct rec *rec = run->rec;
	uint64_t flags = run->enter->flags;

	if ((flags & RMI_REC_ENTER_FLAGS_INJECT_SEA_MASK) != 0)
		inject_external_abort(rec, rec->abort_esr, rec->abort_far);
	else if ((flags & RMI_REC_ENTER_FLAGS_EMUL_MMIO_MASK) != 0)
		emulate_mmio(rec, run->enter->gprs[0]);
	rec->abort = REC_ABORT_NONE;
}
