# SPDX-License-Identifier: BSD-3-Clause
"""The enumerations of the RMM ABI as Python enums; their values come from the tables."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from harness.abi import tables

_T = tables()
_FLAGS = _T.bitfield("RmiRecEnterFlags")


class Ripas(IntEnum):
    """Realm IPA state."""

    EMPTY = _T.enum("RmiRipas")["EMPTY"]
    RAM = _T.enum("RmiRipas")["RAM"]
    DESTROYED = _T.enum("RmiRipas")["DESTROYED"]


class RttState(IntEnum):
    """State of an RTT entry as RMI_RTT_READ_ENTRY reports it."""

    UNASSIGNED = _T.enum("RmiRttEntryState")["UNASSIGNED"]
    ASSIGNED = _T.enum("RmiRttEntryState")["ASSIGNED"]
    TABLE = _T.enum("RmiRttEntryState")["TABLE"]


class HashAlgo(IntEnum):
    """Hash algorithm of a realm's measurements."""

    SHA_256 = _T.enum("RmiHashAlgorithm")["SHA_256"]
    SHA_512 = _T.enum("RmiHashAlgorithm")["SHA_512"]


class ExitReason(IntEnum):
    """Why RMI_REC_ENTER came back."""

    SYNC = _T.enum("RmiRecExitReason")["SYNC"]
    IRQ = _T.enum("RmiRecExitReason")["IRQ"]
    FIQ = _T.enum("RmiRecExitReason")["FIQ"]
    PSCI = _T.enum("RmiRecExitReason")["PSCI"]
    RIPAS_CHANGE = _T.enum("RmiRecExitReason")["RIPAS_CHANGE"]
    HOST_CALL = _T.enum("RmiRecExitReason")["HOST_CALL"]
    SERROR = _T.enum("RmiRecExitReason")["SERROR"]


class PsciStatus(IntEnum):
    """Return codes of PSCI."""

    SUCCESS = _T.enum("PsciReturnCode")["SUCCESS"]
    NOT_SUPPORTED = _T.enum("PsciReturnCode")["NOT_SUPPORTED"]
    INVALID_PARAMETERS = _T.enum("PsciReturnCode")["INVALID_PARAMETERS"]
    DENIED = _T.enum("PsciReturnCode")["DENIED"]
    ALREADY_ON = _T.enum("PsciReturnCode")["ALREADY_ON"]
    ON_PENDING = _T.enum("PsciReturnCode")["ON_PENDING"]
    INTERNAL_FAILURE = _T.enum("PsciReturnCode")["INTERNAL_FAILURE"]
    INVALID_ADDRESS = _T.enum("PsciReturnCode")["INVALID_ADDRESS"]

    @classmethod
    def of(cls, register: int) -> PsciStatus:
        """Read a signed return code from a 64-bit (or 32-bit) register value."""
        low = register & 0xFFFF_FFFF
        return cls(low - (1 << 32) if low >> 31 else low)


class EnterFlags(IntFlag):
    """Flags of RmiRecEnter."""

    NONE = 0
    EMUL_MMIO = _FLAGS.bits("EMUL_MMIO").mask
    INJECT_SEA = _FLAGS.bits("INJECT_SEA").mask
    TRAP_WFI = _FLAGS.bits("TRAP_WFI").mask
    TRAP_WFE = _FLAGS.bits("TRAP_WFE").mask
    RIPAS_REJECT = _FLAGS.bits("RIPAS_RESPONSE").mask
