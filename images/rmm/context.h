/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register contexts that change with the world: everything at EL1 and EL0 but the general
 * registers, plus the SIMD registers.
 *
 * Invariants
 * - EL3 switches the EL2 registers between the worlds but not these, so the RMM does, for every
 *   REC_ENTER: the host's values go to a per-PE area before the Realm's are loaded, and come back
 *   unchanged after the Realm's are saved.
 * - Between context_enter() and context_exit() the hardware holds the Realm's values, also while C
 *   code of the RMM handles an exit. The RMM itself uses none of these registers.
 */
#ifndef RMM_CONTEXT_H
#define RMM_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "rec.h"
#include "simd.h"

/* EL1h, all interrupts masked. */
#define REALM_PSTATE_RESET 0x3C5UL

/* X(register): saved and restored as is; every CPU with FEAT_RME has them. */
#define EL1_REGISTERS(X) \
	X(sctlr_el1) \
	X(ttbr0_el1) \
	X(ttbr1_el1) \
	X(tcr_el1) \
	X(mair_el1) \
	X(amair_el1) \
	X(vbar_el1) \
	X(elr_el1) \
	X(spsr_el1) \
	X(esr_el1) \
	X(far_el1) \
	X(afsr0_el1) \
	X(afsr1_el1) \
	X(contextidr_el1) \
	X(tpidr_el0) \
	X(tpidrro_el0) \
	X(tpidr_el1) \
	X(sp_el0) \
	X(sp_el1) \
	X(cpacr_el1) \
	X(cntkctl_el1) \
	X(par_el1) \
	X(csselr_el1) \
	X(vdisr_el2)

/* X(register): if the CPU has pointer authentication. */
#define PAUTH_REGISTERS(X) \
	X(apiakeylo_el1) \
	X(apiakeyhi_el1) \
	X(apibkeylo_el1) \
	X(apibkeyhi_el1) \
	X(apdakeylo_el1) \
	X(apdakeyhi_el1) \
	X(apdbkeylo_el1) \
	X(apdbkeyhi_el1) \
	X(apgakeylo_el1) \
	X(apgakeyhi_el1)

#define EL1_MEMBER(name) uint64_t name;

struct el1_context {
	EL1_REGISTERS(EL1_MEMBER)
	PAUTH_REGISTERS(EL1_MEMBER)
};

#define DEBUG_PAIRS_MAX 16U

struct debug_context {
	uint64_t mdscr;
	uint64_t bvr[DEBUG_PAIRS_MAX], bcr[DEBUG_PAIRS_MAX];
	uint64_t wvr[DEBUG_PAIRS_MAX], wcr[DEBUG_PAIRS_MAX];
	bool used; /* see debug.h */
	bool os_locked; /* of the host */
};

struct rec_aux1 {
	struct simd_context simd;
	struct debug_context debug;
};

_Static_assert(sizeof(struct el1_context) <= GRANULE_SIZE, "aux[0]");
_Static_assert(sizeof(struct rec_aux1) <= GRANULE_SIZE, "aux[1]");

static inline struct el1_context *rec_el1(const struct rec *rec)
{
	return (struct el1_context *)rec->aux[0];
}

static inline struct simd_context *rec_simd(const struct rec *rec)
{
	return &((struct rec_aux1 *)rec->aux[1])->simd;
}

static inline struct debug_context *rec_debug(const struct rec *rec)
{
	return &((struct rec_aux1 *)rec->aux[1])->debug;
}

/* The saved contexts as after a reset. */
void context_reset(const struct rec *rec);

void context_enter(const struct rec *rec);
void context_exit(const struct rec *rec);

#endif
