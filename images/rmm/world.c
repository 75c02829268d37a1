/* SPDX-License-Identifier: BSD-3-Clause */
#include "world.h"

#include <sysreg.h>

#include "context.h"
#include "gic.h"
#include "pe.h"
#include "timer.h"

#define HCR_VM (1UL << 0)
#define HCR_SWIO (1UL << 1)
#define HCR_PTW (1UL << 2)
#define HCR_FMO (1UL << 3)
#define HCR_IMO (1UL << 4)
#define HCR_AMO (1UL << 5)
#define HCR_FB (1UL << 9)
#define HCR_BSU_INNER (1UL << 10)
#define HCR_TWI (1UL << 13)
#define HCR_TWE (1UL << 14)
#define HCR_TID3 (1UL << 18)
#define HCR_TSC (1UL << 19)
#define HCR_TIDCP (1UL << 20)
#define HCR_TACR (1UL << 21)
#define HCR_RW (1UL << 31)
#define HCR_TLOR (1UL << 35)
#define HCR_TERR (1UL << 36)
#define HCR_TEA (1UL << 37)
#define HCR_APK (1UL << 40)
#define HCR_API (1UL << 41)
#define HCR_FWB (1UL << 46)
#define HCR_GPF (1UL << 48)
#define HCR_TID5 (1UL << 58)

/*
 * Interrupts and aborts come to EL2, SMC and ID registers trap. The bits that stay zero hide EL2
 * features: EnSCXT, ATA (MTE), FIEN, NV, AMVOFFEN. HCRX_EL2 and the fine-grained traps stay zero,
 * too, as boot made them: that traps TCR2, PIE, POE, GCS, SME's TPIDR2 and MOPS.
 */
#define HCR_REALM \
	(HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER | \
	 HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR | HCR_TEA | \
	 HCR_APK | HCR_API | HCR_FWB | HCR_GPF | HCR_TID5)

/*
 * RES1 bits with SVE (TZ) and SME (TSM) trapped, plus trace (TTA) and activity monitors (TAM);
 * FP/SIMD is free.
 */
#define CPTR_REALM (0x33FFUL | (1UL << 20) | (1UL << 30))

/*
 * PMU (TPM, TPMCR), debug (TDA, TDOSA, TDRA), SPE (TPMS), trace filter (TTRF). E2PB and E2TB:
 * buffers are EL2's.
 */
#define MDCR_REALM \
	((1UL << 5) | (1UL << 6) | (1UL << 9) | (1UL << 10) | (1UL << 11) | (1UL << 14) | \
	 (1UL << 19))
#define MDCR_HPMN 0x1FUL

#define MPIDR_RES1 (1UL << 31)

struct rmm_controls {
	uint64_t hcr;
	uint64_t cptr;
	uint64_t mdcr;
	const struct rec *last; /* the REC whose TLB entries this PE may hold */
};

static struct rmm_controls controls[RMM_MAX_PES];

static uint64_t realm_hcr(uint64_t flags)
{
	uint64_t hcr = HCR_REALM;

	if ((flags & RMI_REC_ENTER_FLAGS_TRAP_WFI_MASK) != 0)
		hcr |= HCR_TWI;
	if ((flags & RMI_REC_ENTER_FLAGS_TRAP_WFE_MASK) != 0)
		hcr |= HCR_TWE;
	return hcr;
}

static void forget_other_rec(struct rmm_controls *saved, const struct rec *rec)
{
	if (saved->last == rec)
		return;
	saved->last = rec;
	__asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tic iallu\n\tdsb nsh" : : : "memory");
	isb();
}

void world_enter(const struct run *run)
{
	struct rmm_controls *saved = &controls[pe_this()->index];
	const struct rec *rec = run->rec;

	saved->hcr = read_sysreg(hcr_el2);
	saved->cptr = read_sysreg(cptr_el2);
	saved->mdcr = read_sysreg(mdcr_el2);
	context_enter(rec);

	write_sysreg(hcr_el2, realm_hcr(run->enter->flags));
	write_sysreg(cptr_el2, CPTR_REALM);
	write_sysreg(mdcr_el2, MDCR_REALM | (saved->mdcr & MDCR_HPMN));
	write_sysreg(hstr_el2, 0);
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	write_sysreg(vmpidr_el2, MPIDR_RES1 | rec_mpidr_to_affinity(rec->mpidr));
	write_sysreg(vtcr_el2, rd_vtcr(run->rd));
	write_sysreg(vttbr_el2, rd_vttbr(run->rd));
	isb();
	forget_other_rec(saved, rec);
	gic_enter(rec);
	timer_enter(rec);
}

void world_exit(const struct run *run)
{
	const struct rmm_controls *saved = &controls[pe_this()->index];

	timer_exit(run->rec);
	gic_exit(run->rec);
	write_sysreg(hcr_el2, saved->hcr);
	write_sysreg(cptr_el2, saved->cptr);
	write_sysreg(mdcr_el2, saved->mdcr);
	isb();
	context_exit(run->rec);
}
