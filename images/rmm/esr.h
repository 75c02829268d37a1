/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fields of ESR_ELx and of the PSTATE saved with it.
 *
 * Invariants: masks are in place, values of EC are not shifted.
 */
#ifndef RMM_ESR_H
#define RMM_ESR_H

#define ESR_EC_SHIFT 26
#define ESR_EC_MASK (0x3FUL << ESR_EC_SHIFT)
#define ESR_EC(esr) (((esr) & ESR_EC_MASK) >> ESR_EC_SHIFT)
#define ESR_IL (1UL << 25)
#define ESR_ISS_MASK 0x1FFFFFFUL

#define EC_UNKNOWN 0x00UL
#define EC_WFX 0x01UL
#define EC_HVC64 0x16UL
#define EC_SMC64 0x17UL
#define EC_SYSREG 0x18UL
#define EC_INST_ABORT_LOWER 0x20UL
#define EC_INST_ABORT_SAME 0x21UL
#define EC_DATA_ABORT_LOWER 0x24UL
#define EC_DATA_ABORT_SAME 0x25UL

#define ESR_WFX_TI 1UL
#define ESR_SMC_IMM_MASK 0xFFFFUL

/* Aborts */
#define ESR_ISV (1UL << 24)
#define ESR_SAS_SHIFT 22
#define ESR_SAS_MASK (3UL << ESR_SAS_SHIFT)
#define ESR_SSE (1UL << 21)
#define ESR_SRT_SHIFT 16
#define ESR_SRT(esr) (((esr) >> ESR_SRT_SHIFT) & 0x1F)
#define ESR_SF (1UL << 15)
#define ESR_SET_SHIFT 11
#define ESR_SET_MASK (3UL << ESR_SET_SHIFT)
#define ESR_FNV (1UL << 10)
#define ESR_EA (1UL << 9)
#define ESR_S1PTW (1UL << 7)
#define ESR_WNR (1UL << 6)
#define ESR_FSC_MASK 0x3FUL

#define FSC_ADDRESS_SIZE 0x00UL
#define FSC_TRANSLATION 0x04UL
#define FSC_ACCESS_FLAG 0x08UL
#define FSC_PERMISSION 0x0CUL
#define FSC_LEVEL_MASK 0x3UL
#define FSC_EXTERNAL 0x10UL
#define FSC_EXTERNAL_WALK_FIRST 0x13UL /* level -1 to 3 */
#define FSC_EXTERNAL_WALK_LAST 0x17UL
#define FSC_ALIGNMENT 0x21UL
#define FSC_GPF_WALK_FIRST 0x23UL
#define FSC_GPF 0x28UL

/* SError */
#define ESR_SERROR_IDS (1UL << 24)
#define ESR_SERROR_AET (7UL << 10)

#define SET_UNCONTAINABLE 2UL
#define SET_RESTARTABLE 3UL

#define PSTATE_MODE_MASK 0xFUL
#define PSTATE_EL1H 0x5UL
#define PSTATE_SPSEL (1UL << 0)
#define PSTATE_EL_MASK (3UL << 2)
#define PSTATE_AARCH32 (1UL << 4)
#define PSTATE_DAIF (0xFUL << 6)
#define PSTATE_BTYPE (3UL << 10)
#define PSTATE_SSBS (1UL << 12)
#define PSTATE_SS (1UL << 21)
#define PSTATE_PAN (1UL << 22)
#define PSTATE_DIT (1UL << 24)
#define PSTATE_IT_LOW (3UL << 25) /* AArch32: IT[1:0], and IT[7:2] */
#define PSTATE_IT_HIGH (0x3FUL << 10)
#define PSTATE_TCO (1UL << 25)
#define PSTATE_NZCV (0xFUL << 28)

#endif
