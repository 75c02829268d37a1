/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System register encodings as they appear in the syndrome of a trapped MRS or MSR.
 *
 * Invariants: a key is ISS & SYSREG_KEY_MASK, so that keys compare without unpacking.
 */
#ifndef RMM_SYSREG_KEY_H
#define RMM_SYSREG_KEY_H

#define SYSREG_KEY_MASK 0x3FFC1EU
#define SYSREG_ISS_READ 1U
#define SYSREG_ISS_RT_SHIFT 5
#define SYSREG_ISS_RT_MASK 0x3E0U

#define SYSREG_KEY(op0, op1, crn, crm, op2) \
	(((op0) << 20) | ((op2) << 17) | ((op1) << 14) | ((crn) << 10) | ((crm) << 1))

#define SYSREG_KEY_OP0(key) (((key) >> 20) & 0x3U)
#define SYSREG_KEY_OP2(key) (((key) >> 17) & 0x7U)
#define SYSREG_KEY_OP1(key) (((key) >> 14) & 0x7U)
#define SYSREG_KEY_CRN(key) (((key) >> 10) & 0xFU)
#define SYSREG_KEY_CRM(key) (((key) >> 1) & 0xFU)

#endif
