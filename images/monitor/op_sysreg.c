/* SPDX-License-Identifier: BSD-3-Clause */
#include "ops.h"

/* X(MonitorSysreg member, assembler name): registers that can be written, and those that cannot. */
#define WRITABLE(X)                          \
	X(CNTHP_CTL_EL2, cnthp_ctl_el2)      \
	X(CNTHP_CVAL_EL2, cnthp_cval_el2)    \
	X(ICC_PMR_EL1, icc_pmr_el1)          \
	X(ICC_CTLR_EL1, icc_ctlr_el1)        \
	X(TPIDR_EL0, tpidr_el0)              \
	X(TPIDRRO_EL0, tpidrro_el0)          \
	X(TPIDR_EL1, tpidr_el1)              \
	X(SCTLR_EL1, sctlr_el1)              \
	X(VBAR_EL1, vbar_el1)                \
	X(TTBR0_EL1, ttbr0_el1)              \
	X(TTBR1_EL1, ttbr1_el1)              \
	X(TCR_EL1, tcr_el1)                  \
	X(MAIR_EL1, mair_el1)                \
	X(SP_EL0, sp_el0)                    \
	X(SP_EL1, sp_el1)                    \
	X(ELR_EL1, elr_el1)                  \
	X(SPSR_EL1, spsr_el1)                \
	X(CONTEXTIDR_EL1, contextidr_el1)    \
	X(CNTKCTL_EL1, cntkctl_el1)          \
	X(HCR_EL2, hcr_el2)                  \
	X(VTTBR_EL2, vttbr_el2)              \
	X(VTCR_EL2, vtcr_el2)                \
	X(ICC_IGRPEN1_EL1, icc_igrpen1_el1)  \
	X(FPCR, fpcr)                        \
	X(FPSR, fpsr)                        \
	X(ICH_HCR_EL2, ich_hcr_el2)          \
	X(ICH_VMCR_EL2, ich_vmcr_el2)        \
	X(ICH_LR0_EL2, ich_lr0_el2)

#define READ_ONLY(X)                         \
	X(CNTPCT_EL0, cntpct_el0)            \
	X(CNTVCT_EL0, cntvct_el0)            \
	X(CNTFRQ_EL0, cntfrq_el0)            \
	X(MPIDR_EL1, mpidr_el1)              \
	X(ICH_VTR_EL2, ich_vtr_el2)          \
	X(ID_AA64PFR0_EL1, id_aa64pfr0_el1)  \
	X(ID_AA64MMFR0_EL1, id_aa64mmfr0_el1)\
	X(ID_AA64MMFR1_EL1, id_aa64mmfr1_el1)\
	X(ID_AA64MMFR2_EL1, id_aa64mmfr2_el1)\
	X(ID_AA64DFR0_EL1, id_aa64dfr0_el1)  \
	X(ID_AA64ISAR0_EL1, id_aa64isar0_el1)\
	X(ID_AA64ISAR1_EL1, id_aa64isar1_el1)\
	X(ID_AA64ZFR0_EL1, S3_0_C0_C4_4)

#define READ_CASE(member, name)           \
	case MONITOR_SYSREG_##member:     \
		value = read_sysreg(name);\
		break;

#define WRITE_CASE(member, name)           \
	case MONITOR_SYSREG_##member:      \
		write_sysreg(name, value); \
		break;

/* As unwind_functions: a register that this CPU does not have is UNDEFINED. */
static void read_register(uint64_t which, uint64_t result, uint64_t known)
{
	uint64_t value = 0;

	*(bool *)known = true;
	isb();
	switch (which) {
	WRITABLE(READ_CASE)
	READ_ONLY(READ_CASE)
	default:
		*(bool *)known = false;
		break;
	}
	*(uint64_t *)result = value;
}

static void write_register(uint64_t which, uint64_t value, uint64_t known)
{
	*(bool *)known = true;
	switch (which) {
	WRITABLE(WRITE_CASE)
	default:
		*(bool *)known = false;
		break;
	}
	isb();
}

uint64_t op_sysreg_read(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;
	uint64_t value = 0;
	bool known = false;

	(void)pe;
	if (!guard_run(&guard, read_register, box->args[0], (uint64_t)&value, (uint64_t)&known))
		return ops_fault(box, &guard);
	box->values[0] = value;
	return known ? MONITOR_STATUS_OK : MONITOR_STATUS_BAD_ARG;
}

uint64_t op_sysreg_write(struct pe *pe, struct monitor_mailbox *box)
{
	struct guard guard;
	bool known = false;

	(void)pe;
	if (!guard_run(&guard, write_register, box->args[0], box->args[1], (uint64_t)&known))
		return ops_fault(box, &guard);
	return known ? MONITOR_STATUS_OK : MONITOR_STATUS_BAD_ARG;
}
