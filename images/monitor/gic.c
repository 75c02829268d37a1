/* SPDX-License-Identifier: BSD-3-Clause */
#include <sysreg.h>

#include "gic.h"
#include "layout.h"

#define GICD_CTLR 0x0000
#define CTLR_RWP (1u << 31)
#define CTLR_ARE_NS (1u << 4)
#define CTLR_ENABLE_GRP1A (1u << 1)

/* Offsets from the SGI frame of a redistributor. */
#define GICR_SGI_FRAME 0x10000
#define GICR_ISENABLER0 0x0100
#define GICR_IPRIORITYR 0x0400

#define PRIORITY_IDLE 0x00
#define PRIORITY_OTHERS IDLE_PMR
#define PMR_ALL 0xff

#define SRE_VALUE 0xf /* Enable, DIB, DFB, SRE */

/*
 * All SGIs; PPIs: PMU 23, maintenance 25, EL2 physical timer 26, EL1 virtual timer 27,
 * EL2 virtual timer 28, EL1 physical timer 30. Bits of secure interrupts are ignored.
 */
#define ENABLED_MASK (0xffffu | 1u << 23 | 1u << 25 | 1u << 26 | 1u << 27 | 1u << IDLE_INTID | 1u << 30)

static volatile uint32_t *reg32(uintptr_t address)
{
	return (volatile uint32_t *)address;
}

void gic_init_distributor(void)
{
	*reg32(GICD_BASE + GICD_CTLR) = CTLR_ARE_NS | CTLR_ENABLE_GRP1A;
	while ((*reg32(GICD_BASE + GICD_CTLR) & CTLR_RWP) != 0)
		;
}

void gic_init_pe(uint32_t index)
{
	uintptr_t frame = GICR_BASE + (uintptr_t)index * GICR_STRIDE + GICR_SGI_FRAME;
	volatile uint8_t *priority = (volatile uint8_t *)(frame + GICR_IPRIORITYR);

	for (uint32_t intid = 0; intid < 32; intid++)
		priority[intid] = intid == IDLE_INTID ? PRIORITY_IDLE : PRIORITY_OTHERS;
	*reg32(frame + GICR_ISENABLER0) = ENABLED_MASK;

	write_sysreg(icc_sre_el2, SRE_VALUE);
	isb();
	write_sysreg(icc_pmr_el1, PMR_ALL);
	write_sysreg(icc_igrpen1_el1, 1);
	isb();
}

uint32_t gic_acknowledge(void)
{
	uint32_t intid = (uint32_t)read_sysreg(icc_iar1_el1);

	if (intid < 1020)
		write_sysreg(icc_eoir1_el1, intid);
	isb();
	return intid;
}

uint32_t gic_pending(void)
{
	return (uint32_t)read_sysreg(icc_hppir1_el1);
}

void gic_send_sgi(uint32_t pe, uint32_t intid)
{
	write_sysreg(icc_sgi1r_el1, (uint64_t)intid << 24 | 1ull << pe);
	isb();
}
