# SPDX-License-Identifier: BSD-3-Clause
"""REC exits as typed objects, decoded from the RmiRecExit area of the run page.

Which fields an exit may carry: RMM specification, REC exit; offsets come from the
tables. ``record`` holds the whole decoded area, so that a test can also check that
everything else is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.abi import Value, codec
from harness.coverage import record_exit
from harness.errors import RealmError
from harness.rmi import ExitReason
from harness.types import Ipa

_EXIT = codec("RmiRecExit")

EC_WFX = 0x01
EC_SYSREG = 0x18
EC_INSTRUCTION_ABORT = 0x20
EC_DATA_ABORT = 0x24

ALWAYS_WRITTEN = frozenset(
    {"exit_reason", "gicv3_hcr", "gicv3_lrs", "gicv3_misr", "gicv3_vmcr", "pmu_ovf_status"}
    | {"cntp_ctl", "cntp_cval", "cntv_ctl", "cntv_cval"}
)
"""Fields of RmiRecExit that every exit carries."""

_HPFAR_FIPA = ((1 << 44) - 1) & ~0xF


@dataclass(frozen=True, slots=True)
class Exit:
    """Any exit; ``record`` is the decoded RmiRecExit."""

    reason: int
    record: Mapping[str, Value]

    def number(self, name: str) -> int:
        """Return a scalar field of the exit record."""
        value = self.record[name]
        if not isinstance(value, int):
            raise RealmError(f"RmiRecExit.{name} is not a number")
        return value

    @property
    def gprs(self) -> tuple[int, ...]:
        """The 31 registers of the exit record."""
        value = self.record["gprs"]
        return value if isinstance(value, tuple) else ()

    @property
    def lrs(self) -> tuple[int, ...]:
        """The 16 GIC list registers of the exit record."""
        value = self.record["gicv3_lrs"]
        return value if isinstance(value, tuple) else ()

    def nonzero(self) -> dict[str, Value]:
        """The fields that are not zero, for reports and for 'nothing else is set'."""
        return {name: value for name, value in self.record.items() if _is_set(value)}

    def specific(self) -> dict[str, Value]:
        """The non-zero fields that belong to this exit; timers, GIC and the like left out."""
        return {n: v for n, v in self.nonzero().items() if n not in ALWAYS_WRITTEN}

    def describe(self) -> str:
        """One line for a report."""
        return f"{type(self).__name__}({_shown(self.nonzero())})"


@dataclass(frozen=True, slots=True)
class SyncExit(Exit):
    """A synchronous exception that the host sees."""

    @property
    def esr(self) -> int:
        """The part of ESR_EL2 that the RMM shows."""
        return self.number("esr")

    @property
    def ec(self) -> int:
        """Exception class, ESR[31:26]."""
        return self.esr >> 26 & 0x3F

    @property
    def ipa(self) -> Ipa:
        """Fault address: granule from HPFAR, offset within it from FAR."""
        page = (self.number("hpfar") & _HPFAR_FIPA) << 8
        return Ipa(page | (self.number("far") & 0xFFF))

    @property
    def fault_status(self) -> int:
        """DFSC or IFSC, ESR[5:0]."""
        return self.esr & 0x3F

    @property
    def fault_level(self) -> int:
        """Level of a translation or permission fault."""
        return self.esr & 0x3

    @property
    def is_translation_fault(self) -> bool:
        """DFSC/IFSC 0b0001LL."""
        return self.fault_status >> 2 == 0b0001


@dataclass(frozen=True, slots=True)
class DataAbort(SyncExit):
    """A stage 2 data abort; emulatable when the RMM shows ISV."""

    @property
    def emulatable(self) -> bool:
        """ISV: the syndrome describes the access."""
        return bool(self.esr >> 24 & 1)

    @property
    def is_write(self) -> bool:
        """WnR."""
        return bool(self.esr >> 6 & 1)

    @property
    def width_bytes(self) -> int:
        """SAS: 1, 2, 4 or 8."""
        return 1 << (self.esr >> 22 & 3)

    @property
    def is_64bit_register(self) -> bool:
        """SF."""
        return bool(self.esr >> 15 & 1)

    @property
    def value(self) -> int:
        """What the realm wants to write."""
        return self.gprs[0]


@dataclass(frozen=True, slots=True)
class InstructionAbort(SyncExit):
    """A stage 2 instruction abort."""


@dataclass(frozen=True, slots=True)
class WfxExit(SyncExit):
    """WFI or WFE, trapped because the host asked for it."""

    @property
    def is_wfe(self) -> bool:
        """TI bit 0."""
        return bool(self.esr & 1)


@dataclass(frozen=True, slots=True)
class SysregExit(SyncExit):
    """A system register access that the host emulates."""

    @property
    def is_read(self) -> bool:
        """Direction, ISS bit 0."""
        return bool(self.esr & 1)

    @property
    def register(self) -> tuple[int, int, int, int, int]:
        """op0, op1, CRn, CRm, op2."""
        iss = self.esr
        return iss >> 20 & 3, iss >> 14 & 7, iss >> 10 & 15, iss >> 1 & 15, iss >> 17 & 7


@dataclass(frozen=True, slots=True)
class IrqExit(Exit):
    """A physical IRQ is pending for the host."""


@dataclass(frozen=True, slots=True)
class FiqExit(Exit):
    """A physical FIQ is pending for the host."""


@dataclass(frozen=True, slots=True)
class PsciExit(Exit):
    """The realm made a PSCI call that concerns the host."""

    @property
    def fid(self) -> int:
        """PSCI function id."""
        return self.gprs[0]

    @property
    def target_mpidr(self) -> int:
        """First argument: the target of CPU_ON and AFFINITY_INFO."""
        return self.gprs[1]


@dataclass(frozen=True, slots=True)
class RipasChangeExit(Exit):
    """The realm asks for another RIPAS on [base, top)."""

    @property
    def base(self) -> Ipa:
        """First address."""
        return Ipa(self.number("ripas_base"))

    @property
    def top(self) -> Ipa:
        """First address behind the range."""
        return Ipa(self.number("ripas_top"))

    @property
    def ripas(self) -> int:
        """The RIPAS asked for."""
        return self.number("ripas_value")


@dataclass(frozen=True, slots=True)
class HostCallExit(Exit):
    """RSI_HOST_CALL."""

    @property
    def imm(self) -> int:
        """The 16-bit immediate."""
        return self.number("imm")


@dataclass(frozen=True, slots=True)
class SErrorExit(Exit):
    """An SError for the host."""


_BY_REASON: dict[int, type[Exit]] = {
    ExitReason.IRQ: IrqExit,
    ExitReason.FIQ: FiqExit,
    ExitReason.PSCI: PsciExit,
    ExitReason.RIPAS_CHANGE: RipasChangeExit,
    ExitReason.HOST_CALL: HostCallExit,
    ExitReason.SERROR: SErrorExit,
}
_BY_EC: dict[int, type[Exit]] = {
    EC_WFX: WfxExit,
    EC_SYSREG: SysregExit,
    EC_INSTRUCTION_ABORT: InstructionAbort,
    EC_DATA_ABORT: DataAbort,
}


def decode_exit(area: bytes | memoryview) -> Exit:
    """Decode an RmiRecExit; RealmError for a reason not in the tables."""
    record = _EXIT.unpack(area)
    record_exit(record)
    reason = int.from_bytes(bytes(area[:8]), "little")
    if reason == ExitReason.SYNC:
        esr = record["esr"]
        kind = _BY_EC.get(esr >> 26 & 0x3F, SyncExit) if isinstance(esr, int) else SyncExit
        return kind(reason, record)
    if reason not in _BY_REASON:
        raise RealmError(
            f"REC exit with unknown reason {reason}: {_shown(record)}",
            hint="compare RmiRecExitReason of the tables with the RMM's version",
        )
    return _BY_REASON[reason](reason, record)


def _is_set(value: Value) -> bool:
    return any(value) if isinstance(value, tuple | bytes) else bool(value)


def _shown(record: Mapping[str, Value]) -> str:
    parts = []
    for name, value in record.items():
        if isinstance(value, tuple):
            shown = {n: hex(v) for n, v in enumerate(value) if v}
            if shown:
                parts.append(f"{name}={shown}")
        elif isinstance(value, int) and value:
            parts.append(f"{name}={value:#x}")
    return ", ".join(parts)
