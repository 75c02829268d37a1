# SPDX-License-Identifier: BSD-3-Clause
"""What a tap file tells: calls, their returns, and where something was lost.

An event keeps its record as it is; names and structures are decoded when they are asked for,
so that ten million events can be gone through.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.abi import Command
from harness.abi.codec import Value
from harness.tap import decode
from harness.tap.layout import BAD_ADDRESS, NO_RAM, NO_REGISTERS, Record, State
from harness.types import Pa


@dataclass(frozen=True, slots=True)
class Memory:
    """A copy of memory, made at the moment of the event."""

    base: Pa
    data: bytes


@dataclass(frozen=True, slots=True)
class _Seen:
    """What calls and returns have in common."""

    record: Record
    memory: Memory | None

    @property
    def seq(self) -> int:
        """Number of the event in its file."""
        return self.record.seq

    @property
    def time_ns(self) -> int:
        """The host's monotonic clock."""
        return self.record.time_ns

    @property
    def cpu(self) -> int:
        """QEMU's number of the CPU."""
        return self.record.cpu

    @property
    def state(self) -> State:
        """Security state of the caller."""
        return State(self.record.state)

    @property
    def level(self) -> int:
        """Exception level of the caller."""
        return self.record.level

    @property
    def pc(self) -> int:
        """Virtual address of the SMC, as it was when QEMU translated it."""
        return self.record.pc

    @property
    def rec(self) -> Pa | None:
        """The REC that the CPU ran; None outside of RMI_REC_ENTER and in the normal world."""
        return Pa(self.record.rec) if self.record.rec else None

    @property
    def instructions(self) -> int:
        """How many instructions the CPU had executed; 0 where they were not counted."""
        return self.record.instructions

    @property
    def x(self) -> tuple[int, ...]:
        """x0..x7."""
        return self.record.x

    @property
    def missing(self) -> str:
        """Why something of this event could not be recorded, "" where nothing is missing."""
        flags = self.record.flags
        reasons = [
            *(["RAM was not shared"] if flags & NO_RAM else []),
            *(["its structure is not in RAM"] if flags & BAD_ADDRESS else []),
            *(["registers could not be read"] if flags & NO_REGISTERS else []),
        ]
        return ", ".join(reasons)

    def _place(self) -> str:
        where = f"{self.state.name} EL{self.level}"
        return f"#{self.seq} cpu {self.cpu} {where}" + (f" rec {self.rec}" if self.rec else "")


@dataclass(frozen=True, slots=True)
class Call(_Seen):
    """An SMC was about to execute."""

    @property
    def fid(self) -> int:
        """The function id: x0."""
        return self.record.x[0]

    @property
    def name(self) -> str:
        """The command's name, ``SMC_C4000FFF`` for a function id that no table has."""
        return decode.name_of(self.record.x[0])

    @property
    def family(self) -> str:
        """``RMI``, ``RSI``, ``PSCI``, ``RMM`` (calls to EL3), ``SMCCC``; ``SMC`` if unknown."""
        return decode.family_of(self.name)

    @property
    def command(self) -> Command | None:
        """The command of the tables, None if they do not know the function id."""
        return decode.command_of(self.fid)

    @property
    def args(self) -> dict[str, Value]:
        """The inputs by name; addresses are ``Pa`` or ``Ipa``."""
        return decode.arguments(self.fid, self.x)

    @property
    def structure(self) -> dict[str, Value] | None:
        """The parameter structure (or ``RmiRecEnter``) that the call names, if it was recorded."""
        data = self.memory.data if self.memory else b""
        return decode.structure(self.fid, data, returns=False)

    def __str__(self) -> str:
        return f"{self._place()}: {self.describe()}"

    def describe(self) -> str:
        """The call alone, without when and where."""
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.args.items())
        return f"{self.name}({shown})"


@dataclass(frozen=True, slots=True)
class Return(_Seen):
    """The caller went on behind its SMC. ``call`` is None where the CALL is not known.

    That is so for calls before the part of the file that is looked at, and for lost ones.
    """

    call: Call | None

    @property
    def name(self) -> str:
        """The command's name, "" where the call is not known."""
        return self.call.name if self.call else ""

    @property
    def family(self) -> str:
        """As of the call."""
        return self.call.family if self.call else ""

    @property
    def status(self) -> decode.Status:
        """x0 as a status."""
        return decode.status(self.call.fid if self.call else 0, self.x[0])

    @property
    def ok(self) -> bool:
        """Whether x0 is zero."""
        return self.x[0] == 0

    @property
    def results(self) -> dict[str, Value]:
        """The outputs by name, without the status."""
        return decode.results(self.call.fid, self.x) if self.call else {}

    @property
    def structure(self) -> dict[str, Value] | None:
        """``RmiRecExit``, or the parameters again, if they were recorded."""
        data = self.memory.data if self.memory else b""
        return decode.structure(self.call.fid, data, returns=True) if self.call else None

    @property
    def duration_ns(self) -> int | None:
        """Host time from the call to here."""
        return self.time_ns - self.call.time_ns if self.call else None

    def describe(self) -> str:
        """The call and what it returned, without when and where."""
        called = self.call.describe() if self.call else f"return to {self.pc:#x}"
        shown = [f"{name}={_shown(value)}" for name, value in self.results.items()]
        fields = self.structure
        if fields is not None and "exit_reason" in fields and self.ok:
            shown.append(f"exit={decode.exit_reason(fields)}")
        return f"{called} → {self.status}" + (f" ({', '.join(shown)})" if shown else "")

    def __str__(self) -> str:
        return f"{self._place()}: {self.describe()}"


@dataclass(frozen=True, slots=True)
class Lost:
    """``count`` records could not be stored here."""

    seq: int
    time_ns: int
    count: int

    def __str__(self) -> str:
        return f"#{self.seq} {self.count} records were lost here"


Event = Call | Return | Lost


def _shown(value: Value) -> str:
    if type(value) is int:
        return f"{value:#x}"
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(word) for word in value)}]"
    return str(value)
