/* SPDX-License-Identifier: BSD-3-Clause */
#include "sve.h"

#include <sysreg.h>

#define CPTR_RES1 0x33FFUL /* with TZ and TSM, where they do not exist */
#define CPTR_TZ (1UL << 8)
#define CPTR_TSM (1UL << 12)
#define PFR0_SVE (0xFUL << 32)
#define PFR1_SME (0xFUL << 24)
#define SVCR_SM 1UL

bool sve_present(void)
{
	return (read_sysreg(id_aa64pfr0_el1) & PFR0_SVE) != 0;
}

static bool sme_present(void)
{
	return (read_sysreg(id_aa64pfr1_el1) & PFR1_SME) != 0;
}

bool sve_streaming(void)
{
	return sme_present() && (read_sysreg(S3_3_C4_C2_2) & SVCR_SM) != 0;
}

uint64_t sve_cptr_untrapped(void)
{
	uint64_t cptr = CPTR_RES1;

	if (sve_present())
		cptr &= ~CPTR_TZ;
	if (sme_present())
		cptr &= ~CPTR_TSM;
	return cptr;
}
