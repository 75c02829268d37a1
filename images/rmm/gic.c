/* SPDX-License-Identifier: BSD-3-Clause */
#include "gic.h"

#include <mem.h>
#include <sysreg.h>

#include "pe.h"

#define HCR_EN 1UL
#define HCR_EOICOUNT (0x1FUL << 27)

#define LR_STATE (3UL << 62)
#define LR_HW (1UL << 61)
#define LR_PRIORITY_SHIFT 48
#define LR_PRIORITY (0xFFUL << LR_PRIORITY_SHIFT)
#define LR_EOI (1UL << 41)
#define LR_PINTID (0x1FFFUL << 32)
#define LR_RES0 ((0xFUL << 56) | (7UL << 45))
#define LR_VINTID 0xFFFFFFFFUL

#define VTR_LISTREGS(vtr) ((unsigned int)((vtr) & 0x1F) + 1)
#define VTR_PREBITS(vtr) ((unsigned int)(((vtr) >> 26) & 7) + 1)
#define VTR_PRIBITS(vtr) ((unsigned int)(((vtr) >> 29) & 7) + 1)
#define CTLR_EXTRANGE (1UL << 19)

#define INTID_SPI_END 1020U
#define INTID_EPPI 1056U
#define INTID_EPPI_END 1120U
#define INTID_ESPI 4096U
#define INTID_ESPI_END 5120U
#define INTID_LPI 8192U

static struct rec_gic host_gic[RMM_MAX_PES];

#define EACH_LR(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define EACH_APR(X) X(0) X(1) X(2) X(3)
#define SAVE_LR(n) \
	if ((n) < count) \
		gic->lrs[n] = read_sysreg(ich_lr##n##_el2);
#define RESTORE_LR(n) \
	if ((n) < count) \
		write_sysreg(ich_lr##n##_el2, gic->lrs[n]);
#define SAVE_APR(n) \
	if ((n) < count) { \
		gic->ap0r[n] = read_sysreg(ich_ap0r##n##_el2); \
		gic->ap1r[n] = read_sysreg(ich_ap1r##n##_el2); \
	}
#define RESTORE_APR(n) \
	if ((n) < count) { \
		write_sysreg(ich_ap0r##n##_el2, gic->ap0r[n]); \
		write_sysreg(ich_ap1r##n##_el2, gic->ap1r[n]); \
	}

/* As many as fit rec_gic; the feature register tells the host the same number. */
static unsigned int lr_count(void)
{
	unsigned int count = VTR_LISTREGS(read_sysreg(ich_vtr_el2));

	return count < REC_LR_MAX ? count : REC_LR_MAX;
}

/* 5 preemption bits need one active priority register per group, each further bit doubles them. */
static unsigned int apr_count(void)
{
	unsigned int bits = VTR_PREBITS(read_sysreg(ich_vtr_el2));

	return bits <= 5 ? 1 : 1U << (bits - 5);
}

static void registers_save(struct rec_gic *gic)
{
	unsigned int count = lr_count();

	EACH_LR(SAVE_LR)
	count = apr_count();
	EACH_APR(SAVE_APR)
	gic->vmcr = read_sysreg(ich_vmcr_el2);
	gic->hcr = read_sysreg(ich_hcr_el2);
}

static void registers_restore(const struct rec_gic *gic, uint64_t hcr)
{
	unsigned int count = lr_count();

	EACH_LR(RESTORE_LR)
	count = apr_count();
	EACH_APR(RESTORE_APR)
	write_sysreg(ich_vmcr_el2, gic->vmcr);
	write_sysreg(ich_hcr_el2, hcr);
}

static bool intid_ok(uint64_t intid)
{
	if (intid < INTID_SPI_END)
		return true;
	if (intid >= INTID_LPI)
		return true; /* also what the CPU interface has no bits for */
	if ((intid >= INTID_EPPI && intid < INTID_EPPI_END) ||
	    (intid >= INTID_ESPI && intid < INTID_ESPI_END))
		return (read_sysreg(icc_ctlr_el1) & CTLR_EXTRANGE) != 0;
	return false;
}

static bool lr_ok(uint64_t lr)
{
	uint64_t unused_priority = LR_PRIORITY >> VTR_PRIBITS(read_sysreg(ich_vtr_el2)) &
				   LR_PRIORITY;

	return (lr & (LR_HW | LR_RES0 | (LR_PINTID & ~LR_EOI) | unused_priority)) == 0 &&
	       intid_ok(lr & LR_VINTID);
}

bool gic_entry_ok(const struct rmi_rec_enter *enter)
{
	if ((enter->gicv3_hcr & ~(uint64_t)ICH_HCR_EL2_PERMITTED_MASK) != 0)
		return false;
	for (unsigned int i = 0; i < lr_count(); i++) {
		if ((enter->gicv3_lrs[i] & LR_STATE) == 0)
			continue;
		if (!lr_ok(enter->gicv3_lrs[i]))
			return false;
		for (unsigned int j = 0; j < i; j++) {
			if ((enter->gicv3_lrs[j] & LR_STATE) != 0 &&
			    (enter->gicv3_lrs[j] & LR_VINTID) == (enter->gicv3_lrs[i] & LR_VINTID))
				return false;
		}
	}
	return true;
}

void gic_take_request(struct rec *rec, const struct rmi_rec_enter *enter)
{
	rec->gic.hcr = enter->gicv3_hcr;
	rec->gic.misr = 0;
	memcpy(rec->gic.lrs, enter->gicv3_lrs, sizeof(rec->gic.lrs[0]) * lr_count());
}

void gic_report(const struct rec *rec, struct rmi_rec_exit *exit)
{
	exit->gicv3_hcr = rec->gic.hcr & (ICH_HCR_EL2_PERMITTED_MASK | HCR_EOICOUNT);
	exit->gicv3_misr = rec->gic.misr;
	exit->gicv3_vmcr = rec->gic.vmcr;
	memcpy(exit->gicv3_lrs, rec->gic.lrs, sizeof(rec->gic.lrs[0]) * lr_count());
}

void gic_enter(const struct rec *rec)
{
	registers_save(&host_gic[pe_this()->index]);
	registers_restore(&rec->gic, rec->gic.hcr | HCR_EN);
}

void gic_exit(struct rec *rec)
{
	const struct rec_gic *host = &host_gic[pe_this()->index];

	/*
	 * What the hardware has not put into the registers yet must be there before they are read.
	 */
	dsb(sy);
	rec->gic.misr = read_sysreg(ich_misr_el2);
	registers_save(&rec->gic);
	write_sysreg(ich_hcr_el2, 0);
	isb();
	registers_restore(host, host->hcr);
}
