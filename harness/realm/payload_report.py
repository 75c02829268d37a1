# SPDX-License-Identifier: BSD-3-Clause
"""The payload's report of a command, as its host call carries it."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.abi import codec, tables
from harness.elf import ElfFile, ElfFormatError
from harness.errors import RealmError
from harness.realm.exits import Exit, HostCallExit

_T = tables()
_STATUS_OK = _T.enum("PayloadStatus")["OK"]
_STATUS_EXCEPTION = _T.enum("PayloadStatus")["EXCEPTION"]
_IMM = _T.constants["PAYLOAD_IMM"]
_REPORT = codec("PayloadReport")


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What the payload says about the command it ran last; ``elf`` names where it was."""

    sequence: int
    status: int
    values: tuple[int, ...]
    exceptions: int
    esr: int
    far: int
    elr: int
    vector: int
    irqs: int
    last_intid: int
    elf: ElfFile | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """The command ran without an exception."""
        return self.status == _STATUS_OK

    @property
    def took_exception(self) -> bool:
        """The command took a synchronous exception or an SError."""
        return self.status == _STATUS_EXCEPTION

    @property
    def value(self) -> int:
        """First result of the command."""
        return self.values[0]

    @property
    def ec(self) -> int:
        """Exception class of the last exception."""
        return self.esr >> 26 & 0x3F

    @property
    def is_external_abort(self) -> bool:
        """A synchronous external abort on data or instruction access, from the same EL."""
        return self.took_exception and self.ec in (0x21, 0x25) and self.esr & 0x3F == 0x10

    @property
    def is_address_size_fault(self) -> bool:
        """A stage 1 address size fault (level 0) on data or instruction access."""
        return self.took_exception and self.ec in (0x21, 0x25) and self.esr & 0x3F == 0

    @property
    def is_undefined(self) -> bool:
        """The instruction is UNDEFINED: exception class Unknown."""
        return self.took_exception and self.ec == 0

    @property
    def where(self) -> str:
        """``function+offset source:line`` of the last exception; "" if that is not known."""
        if not self.exceptions or self.elf is None:
            return ""
        try:
            return self.elf.describe(self.elr) or ""
        except ElfFormatError:  # the report matters more than the name
            return ""

    def __repr__(self) -> str:
        """What a failed assertion shows; pytest cuts it in the middle, so the place is last."""
        facts = [f"sequence={self.sequence}", f"status={self.status}", _shown(self.values)]
        if self.irqs:
            facts.append(f"irqs={self.irqs}, last_intid={self.last_intid}")
        if self.exceptions:
            facts.append(f"exceptions={self.exceptions}, vector={self.vector:#x}")
            facts.append(f"esr={self.esr:#x}, far={self.far:#x}, elr={self.elr:#x}")
        if self.where:
            facts.append(f"at {self.where}")
        return f"Report({', '.join(facts)})"

    @classmethod
    def of(cls, seen: Exit, elf: ElfFile | None = None) -> Report:
        """Read the report of a host call exit; RealmError for any other exit."""
        if not isinstance(seen, HostCallExit) or seen.imm != _IMM:
            raise RealmError(f"wanted the payload's report, seen {seen.describe()}")
        raw = b"".join(word.to_bytes(8, "little") for word in seen.gprs)
        return cls(**_REPORT.unpack(raw), elf=elf)  # type: ignore[arg-type]


def _shown(values: tuple[int, ...]) -> str:
    """The words up to the last one that is not zero."""
    count = max((n for n, value in enumerate(values, 1) if value), default=0)
    return f"values=({', '.join(hex(value) for value in values[:count])})"
