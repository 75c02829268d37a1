/* SPDX-License-Identifier: BSD-3-Clause */
#include "idreg.h"

#include <sysreg.h>

#define ID(crm, op2) (((crm) << 3) | (op2))

/* A four-bit field at bit `lo`. */
#define F(lo) (0xFUL << (lo))
#define VALUE(lo, value) ((uint64_t)(value) << (lo))
#define GET(reg, lo) (((reg) >> (lo)) & 0xF)

/* The register with the field at `lo` limited to `max`. */
static uint64_t at_most(uint64_t reg, unsigned int lo, uint64_t max)
{
	return GET(reg, lo) > max ? (reg & ~F(lo)) | VALUE(lo, max) : reg;
}

/*
 * Kept: FP, AdvSIMD, GIC, DIT, CSV2 (without SCXTNUM), CSV3. EL0 and EL1 are AArch64 only. Hidden:
 * EL2, RAS, SVE, SEL2, MPAM, AMU, RME.
 */
static uint64_t pfr0(void)
{
	uint64_t reg = read_sysreg(id_aa64pfr0_el1);

	reg = at_most(reg, 56, 1);
	return (reg & (F(16) | F(20) | F(24) | F(48) | F(56) | F(60))) | VALUE(0, 1) | VALUE(4, 1);
}

/* Kept: BT, SSBS. Hidden: MTE, SME, NMI, GCS, THE and the rest. */
static uint64_t pfr1(void)
{
	return read_sysreg(id_aa64pfr1_el1) & (F(0) | F(4));
}

/*
 * Breakpoints and watchpoints as the Realm was created with. No PMU, trace, SPE, BRBE, OS double
 * lock.
 */
static uint64_t dfr0(const struct rd *rd)
{
	uint64_t reg = read_sysreg(id_aa64dfr0_el1);
	uint64_t context_aware = GET(reg, 28) < rd->num_bps ? GET(reg, 28) : rd->num_bps;

	return (reg & F(0)) | VALUE(12, rd->num_bps) | VALUE(20, rd->num_wps) |
	       VALUE(28, context_aware) | F(36);
}

/* All but TME. */
static uint64_t isar0(void)
{
	return read_sysreg(id_aa64isar0_el1) & ~F(24);
}

/* All but LS64. */
static uint64_t isar1(void)
{
	return read_sysreg(id_aa64isar1_el1) & ~F(60);
}

/* Kept: RPRES, GPA3, APA3, BC, PAC_frac, CSSC. Hidden: WFxT, MOPS and what needs HCRX_EL2. */
static uint64_t isar2(void)
{
	return read_sysreg(id_aa64isar2_el1) & (F(4) | F(8) | F(12) | F(20) | F(24) | F(52));
}

/*
 * 48-bit output addresses and no LPA2 in stage 1. Hidden: FGT, the physical counter offset of ECV.
 */
static uint64_t mmfr0(void)
{
	uint64_t reg = read_sysreg(id_aa64mmfr0_el1);

	reg = at_most(reg, 0, 5);
	reg = at_most(reg, 60, 1);
	if (GET(reg, 20) == 2)
		reg = (reg & ~F(20)) | VALUE(20, 1);
	if (GET(reg, 28) == 1)
		reg &= ~F(28);
	/* Stage 2 granules: as stage 1. */
	return reg & ~(F(32) | F(36) | F(40) | F(56));
}

/*
 * Kept: HAFDBS without HAFT, HPDS, PAN, XNX, ETS, AFP, nTLBPA. Hidden: VMIDs, VHE, LORs, HCX and
 * the like.
 */
static uint64_t mmfr1(void)
{
	uint64_t reg = at_most(read_sysreg(id_aa64mmfr1_el1), 0, 2);

	return reg & (F(0) | F(12) | F(20) | F(28) | F(36) | F(44) | F(48));
}

/* Hidden: IESB, NV, FWB, EVT, VARange beyond 48 bits. */
static uint64_t mmfr2(void)
{
	return read_sysreg(id_aa64mmfr2_el1) & ~(F(12) | F(16) | F(24) | F(40) | F(44) | F(56));
}

uint64_t idreg_read(const struct rd *rd, unsigned int crm, unsigned int op2)
{
	switch (ID(crm, op2)) {
	case ID(4, 0):
		return pfr0();
	case ID(4, 1):
		return pfr1();
	case ID(5, 0):
		return dfr0(rd);
	case ID(6, 0):
		return isar0();
	case ID(6, 1):
		return isar1();
	case ID(6, 2):
		return isar2();
	case ID(7, 0):
		return mmfr0();
	case ID(7, 1):
		return mmfr1();
	case ID(7, 2):
		return mmfr2();
	default:
		return 0;
	}
}
