# SPDX-License-Identifier: BSD-3-Clause
"""System registers that tests access inside a realm: op0, op1, CRn, CRm, op2.

Encodings: Arm Architecture Reference Manual, D23 (AArch64 system registers).
"""

from __future__ import annotations

Encoding = tuple[int, int, int, int, int]

ENCODINGS: dict[str, Encoding] = {
    "MIDR_EL1": (3, 0, 0, 0, 0),
    "MPIDR_EL1": (3, 0, 0, 0, 5),
    "ID_AA64PFR0_EL1": (3, 0, 0, 4, 0),
    "ID_AA64PFR1_EL1": (3, 0, 0, 4, 1),
    "ID_AA64ZFR0_EL1": (3, 0, 0, 4, 4),
    "ID_AA64SMFR0_EL1": (3, 0, 0, 4, 5),
    "ID_AA64DFR0_EL1": (3, 0, 0, 5, 0),
    "ID_AA64DFR1_EL1": (3, 0, 0, 5, 1),
    "ID_AA64ISAR0_EL1": (3, 0, 0, 6, 0),
    "ID_AA64MMFR0_EL1": (3, 0, 0, 7, 0),
    "CPACR_EL1": (3, 0, 1, 0, 2),
    "TPIDR_EL0": (3, 3, 13, 0, 2),
    "TPIDRRO_EL0": (3, 3, 13, 0, 3),
    "CONTEXTIDR_EL1": (3, 0, 13, 0, 1),
    "AFSR0_EL1": (3, 0, 5, 1, 0),
    "PAR_EL1": (3, 0, 7, 4, 0),
    "APIAKEYLO_EL1": (3, 0, 2, 1, 0),
    "APIBKEYHI_EL1": (3, 0, 2, 1, 3),
    "APDAKEYLO_EL1": (3, 0, 2, 2, 0),
    "APDBKEYHI_EL1": (3, 0, 2, 2, 3),
    "APGAKEYLO_EL1": (3, 0, 2, 3, 0),
    "DIT": (3, 3, 4, 2, 5),
    "FPCR": (3, 3, 4, 4, 0),
    "FPSR": (3, 3, 4, 4, 1),
    "ZCR_EL1": (3, 0, 1, 2, 0),
    "SMCR_EL1": (3, 0, 1, 2, 6),
    "SVCR": (3, 3, 4, 2, 2),
    "PMCR_EL0": (3, 3, 9, 12, 0),
    "PMCCNTR_EL0": (3, 3, 9, 13, 0),
    "PMSCR_EL1": (3, 0, 9, 9, 0),
    "TRBLIMITR_EL1": (3, 0, 9, 11, 0),
    "MPAM1_EL1": (3, 0, 10, 5, 0),
    "AMCR_EL0": (3, 3, 13, 2, 0),
    "HCR_EL2": (3, 4, 1, 1, 0),
    "SCR_EL3": (3, 6, 1, 1, 0),
    "CNTFRQ_EL0": (3, 3, 14, 0, 0),
    "CNTPCT_EL0": (3, 3, 14, 0, 1),
    "CNTVCT_EL0": (3, 3, 14, 0, 2),
    "ICC_PMR_EL1": (3, 0, 4, 6, 0),
    "ICC_DIR_EL1": (3, 0, 12, 11, 1),
    "ICC_SGI1R_EL1": (3, 0, 12, 11, 5),
    "ICC_ASGI1R_EL1": (3, 0, 12, 11, 6),
    "ICC_SGI0R_EL1": (3, 0, 12, 11, 7),
    "ICC_IAR1_EL1": (3, 0, 12, 12, 0),
    "ICC_EOIR1_EL1": (3, 0, 12, 12, 1),
    "ICC_BPR1_EL1": (3, 0, 12, 12, 3),
    "ICC_CTLR_EL1": (3, 0, 12, 12, 4),
    "ICC_IGRPEN0_EL1": (3, 0, 12, 12, 6),
    "ICC_IGRPEN1_EL1": (3, 0, 12, 12, 7),
}
