/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature.h"

#include <sysreg.h>

#include "smc.h"

#define PA_RANGE_48 5U /* the largest without LPA2 */
#define DFR0_BRPS_SHIFT 12
#define DFR0_WRPS_SHIFT 20
#define MMFR1_VMIDBITS_SHIFT 4
#define MMFR1_VMIDBITS_16 2
#define VTR_LISTREGS_MASK 0xf /* the field has a fifth bit, always 0 */

#define FIELD(name, value) ((uint64_t)(value) << RMI_FEATURE_REGISTER0_##name##_SHIFT)

static unsigned int id_field(uint64_t value, unsigned int shift)
{
	return (unsigned int)(value >> shift) & 0xf;
}

unsigned int feature_pa_range(void)
{
	unsigned int range = id_field(read_sysreg(id_aa64mmfr0_el1), 0);

	return range < PA_RANGE_48 ? range : PA_RANGE_48;
}

unsigned int feature_pa_bits(void)
{
	static const uint8_t bits[PA_RANGE_48 + 1] = { 32, 36, 40, 42, 44, 48 };

	return bits[feature_pa_range()];
}

unsigned int feature_vmid_bits(void)
{
	uint64_t mmfr1 = read_sysreg(id_aa64mmfr1_el1);

	return id_field(mmfr1, MMFR1_VMIDBITS_SHIFT) == MMFR1_VMIDBITS_16 ? 16 : 8;
}

uint64_t feature_register0(void)
{
	uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);

	return FIELD(S2SZ, feature_pa_bits()) | FIELD(NUM_BPS, id_field(dfr0, DFR0_BRPS_SHIFT)) |
	       FIELD(NUM_WPS, id_field(dfr0, DFR0_WRPS_SHIFT)) | FIELD(HASH_SHA_256, 1) |
	       FIELD(HASH_SHA_512, 1) |
	       FIELD(GICV3_NUM_LRS, read_sysreg(ich_vtr_el2) & VTR_LISTREGS_MASK) |
	       FIELD(MAX_RECS_ORDER, FEATURE_MAX_RECS_ORDER);
}

void rmi_version(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	out->x[0] = x[1] == RMI_ABI_VERSION ? RMI_SUCCESS : RMI_ERROR_INPUT;
	out->x[1] = RMI_ABI_VERSION;
	out->x[2] = RMI_ABI_VERSION;
}

void rmi_features(const uint64_t x[SMC_ARGS], struct smc_result *out)
{
	out->x[1] = x[1] == 0 ? feature_register0() : 0;
}
