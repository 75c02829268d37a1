# SPDX-License-Identifier: BSD-3-Clause
"""PSCI numbers as registers hold them, and the affinity of a realm's RECs."""

from __future__ import annotations

from harness.abi import tables
from harness.types import MASK64

_CODES = {name: code & MASK64 for name, code in tables().enum("PsciReturnCode").items()}

SUCCESS = _CODES["SUCCESS"]
INVALID_PARAMETERS = _CODES["INVALID_PARAMETERS"]
DENIED = _CODES["DENIED"]
ALREADY_ON = _CODES["ALREADY_ON"]
INVALID_ADDRESS = _CODES["INVALID_ADDRESS"]
NOT_SUPPORTED = _CODES["NOT_SUPPORTED"]

ON, OFF = 0, 1
"""Answers of PSCI_AFFINITY_INFO."""

VERSION = 0x1_0001
SMCCC_VERSION = 0x1_0002

_AFF0_MASK = 0xF
_AFF_MASK = 0xFF_00FF_FF0F


def index_of_target(mpidr: int) -> int | None:
    """REC index of an affinity as realms name it, Aff3 at 39:32; None for reserved bits."""
    if mpidr & ~_AFF_MASK:
        return None
    aff1, aff2, aff3 = mpidr >> 8 & 0xFF, mpidr >> 16 & 0xFF, mpidr >> 32 & 0xFF
    return mpidr & _AFF0_MASK | aff1 << 4 | aff2 << 12 | aff3 << 20
