/* SPDX-License-Identifier: BSD-3-Clause */
/* Boot behind start.S: what EL3 passed is checked, the RMM reports ready. */
#include <print.h>
#include <sysreg.h>

#include "cca_abi.h"
#include "granule.h"
#include "manifest.h"
#include "pe.h"
#include "sve.h"

#define VERSION_MAJOR(v) ((v) >> 16)
#define LOG_NOTICE 20

#define HCR_RW (1UL << 31)

#define ID_FIELD(reg, lo) ((read_sysreg(reg) >> (lo)) & 0xF)
#define MMFR0_FGT 56
#define MMFR1_HCX 40
#define PFR0_AMU 44

/* By encoding: the architecture that the assembler is told lacks the names. */
#define clear_sysreg(name) write_sysreg(name, 0)
#define HCRX_EL2 S3_4_C1_C2_2
#define HFGRTR_EL2 S3_4_C1_C1_4
#define HFGWTR_EL2 S3_4_C1_C1_5
#define HFGITR_EL2 S3_4_C1_C1_6
#define HDFGRTR_EL2 S3_4_C3_C1_4
#define HDFGWTR_EL2 S3_4_C3_C1_5
#define HAFGRTR_EL2 S3_4_C3_C1_6

struct pe pe_table[RMM_MAX_PES];

static int first_boot_code = RMM_BOOT_CODE_UNKNOWN;

int boot_first(uint64_t index, uint64_t version, uint64_t pe_count, uint64_t shared_page);
int boot_next(void);
void pe_setup(void);

/*
 * world.c says what zero hides from Realms; nothing changes these later. Their first value is
 * EL3's or unknown. EL3 must set SCR_EL3.FGTEn and HXEn where the PE has these registers (TF-A for
 * QEMU and FVP does, Linux at EL2 wants it, too): a boot that stops is better than Realms that
 * share registers which nobody switches. Those of FEAT_FGT2 are not written: TF-A leaves FGTEn2
 * zero for the Realm world, so that writes would trap, and they count as zero. An EL3 that sets it
 * has to load them with zero.
 */
static void fine_grained_controls_clear(void)
{
	if (ID_FIELD(id_aa64mmfr1_el1, MMFR1_HCX) != 0)
		clear_sysreg(HCRX_EL2);
	if (ID_FIELD(id_aa64mmfr0_el1, MMFR0_FGT) == 0)
		return;
	clear_sysreg(HFGRTR_EL2);
	clear_sysreg(HFGWTR_EL2);
	clear_sysreg(HFGITR_EL2);
	clear_sysreg(HDFGRTR_EL2);
	clear_sysreg(HDFGWTR_EL2);
	if (ID_FIELD(id_aa64pfr0_el1, PFR0_AMU) != 0)
		clear_sysreg(HAFGRTR_EL2);
}

/* Registers of this PE that the C code below relies on; EL3 keeps them per world. */
void pe_setup(void)
{
	write_sysreg(hcr_el2, HCR_RW);
	write_sysreg(cptr_el2, sve_cptr_untrapped());
	fine_grained_controls_clear();
	isb();
}

static int check_arguments(uint64_t index, uint64_t version, uint64_t pe_count,
			   uint64_t shared_page)
{
	if (VERSION_MAJOR(version) != VERSION_MAJOR(RMM_EL3_INTERFACE_VERSION) ||
	    version < RMM_EL3_INTERFACE_VERSION)
		return RMM_BOOT_CODE_VERSION_NOT_VALID;
	if (pe_count == 0 || pe_count > RMM_MAX_PES)
		return RMM_BOOT_CODE_CPUS_OUT_OF_RANGE;
	if (index >= pe_count)
		return RMM_BOOT_CODE_CPU_ID_OUT_OF_RANGE;
	if (shared_page == 0 || !granule_aligned(shared_page))
		return RMM_BOOT_CODE_INVALID_SHARED_BUFFER;
	return RMM_BOOT_CODE_SUCCESS;
}

int boot_first(uint64_t index, uint64_t version, uint64_t pe_count, uint64_t shared_page)
{
	int code = check_arguments(index, version, pe_count, shared_page);

	if (code == RMM_BOOT_CODE_SUCCESS)
		code = manifest_load(shared_page);
	first_boot_code = code;
	if (LOG_LEVEL >= LOG_NOTICE && code == RMM_BOOT_CODE_SUCCESS)
		printk("RMM: cca-harness RMI %u.%u ready\n", RMI_ABI_VERSION >> 16,
		       RMI_ABI_VERSION & 0xffff);
	else if (LOG_LEVEL >= LOG_NOTICE)
		printk("RMM: boot refused, code %d\n", code);
	return code;
}

int boot_next(void)
{
	return first_boot_code;
}
