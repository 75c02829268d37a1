# SPDX-License-Identifier: BSD-3-Clause
"""Registers and memory of a call as typed values, by the ABI tables."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from harness.abi import Command, codec, tables
from harness.abi.codec import Value
from harness.abi.entries import Register
from harness.types import MASK64, Ipa, Pa

VERSION = "1.0"
"""The dialect of the tables that is used."""

_TABLES = tables(VERSION)
_RETURN = _TABLES.bitfield("RmiCommandReturnCode")
_STATUS, _INDEX = _RETURN.bits("status"), _RETURN.bits("index")
_IPA_NAMES = ("ipa", "base", "top")
_REALM_FAMILIES = ("RSI", "PSCI")
_UNKNOWN = (MASK64, 0xFFFF_FFFF)
NOT_SUPPORTED = "NOT_SUPPORTED"

_MEMORY = {
    "RMI_REALM_CREATE": ("RmiRealmParams", "RmiRealmParams"),
    "RMI_REC_CREATE": ("RmiRecParams", "RmiRecParams"),
    "RMI_REC_ENTER": ("RmiRecEnter", "RmiRecExit"),
}
"""Which structure the memory of a call is, and that of its return."""


class Named(int):
    """A number that has a name in its enumeration, and prints it."""

    name: str

    def __new__(cls, value: int, name: str) -> Self:
        """Make one; it compares as the number."""
        made = super().__new__(cls, value)
        made.name = name
        return made

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Status:
    """What x0 says: the name of the status, its index (RMI only) and x0 itself."""

    name: str
    index: int
    x0: int

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.x0 == 0

    def __str__(self) -> str:
        return f"{self.name}({self.index})" if self.index else self.name


def command_of(fid: int) -> Command | None:
    """The command with a function id, None for one that the tables do not know."""
    return _TABLES.by_fid.get(fid)


def name_of(fid: int) -> str:
    """The name of a function id; one that the tables do not know goes by its number."""
    command = _TABLES.by_fid.get(fid)
    return command.name if command else f"SMC_{fid:08X}"


def family_of(name: str) -> str:
    """``RMI``, ``RSI``, ``PSCI``, ``RMM`` (calls to EL3), ``SMCCC`` or, unknown, ``SMC``."""
    return name.split("_", 1)[0]


def arguments(fid: int, x: tuple[int, ...]) -> dict[str, Value]:
    """The inputs of a call by their names; ``x1`` … where the function id is unknown."""
    command = _TABLES.by_fid.get(fid)
    if command is None:
        return {f"x{n}": value for n, value in enumerate(x) if n}
    return _named(command, command.inputs, x)


def results(fid: int, x: tuple[int, ...]) -> dict[str, Value]:
    """The outputs of a call by their names, without the status; ``x1`` … for unknown ids."""
    command = _TABLES.by_fid.get(fid)
    if command is None:
        return {f"x{n}": value for n, value in enumerate(x) if n}
    outputs = tuple(register for register in command.outputs if register.first)
    return _named(command, outputs, x)


def status(fid: int, x0: int) -> Status:
    """Read x0 of a return."""
    family = family_of(name_of(fid))
    if x0 in _UNKNOWN and family != "RMM":
        return Status(NOT_SUPPORTED, 0, x0)
    if family == "RMI":
        return Status(_status_name("RMI", _STATUS.get(x0)), _INDEX.get(x0), x0)
    if family == "RSI":
        return Status(_status_name("RSI", x0), 0, x0)
    if family in ("PSCI", "RMM"):
        enum = "PsciReturnCode" if family == "PSCI" else "RmmEl3Status"
        name = _members(enum).get(_signed(x0, 32), f"{x0:#x}")
        return Status(name, 0, x0)
    return Status(f"{x0:#x}", 0, x0)


def structure_name(fid: int, *, returns: bool) -> str:
    """The structure that the memory of a call or of its return is, "" if it has none."""
    names = _MEMORY.get(name_of(fid))
    return names[returns] if names else ""


def structure(fid: int, data: bytes, *, returns: bool) -> dict[str, Value] | None:
    """Decode the memory of a call or of its return, None where the tables say nothing of it."""
    names = _MEMORY.get(name_of(fid))
    if names is None or not data:
        return None
    found = codec(names[returns], VERSION)
    return found.unpack(data) if len(data) >= found.layout.size else None


def _named(
    command: Command, registers: tuple[Register, ...], x: tuple[int, ...]
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for register in registers:
        words = x[register.first : register.first + register.count]
        if register.count > 1:
            found[register.name] = words
        elif words:
            found[register.name] = _typed(command, register, words[0])
    return found


def _typed(command: Command, register: Register, value: int) -> int:
    if register.type == "Address":
        inside = register.name in _IPA_NAMES or family_of(command.name) in _REALM_FAMILIES
        return Ipa(value) if inside else Pa(value)
    if register.type == "Int64":
        return _signed(value, 64)
    if register.type in _TABLES.enums:
        members = _members(register.type)
        number = value if value in members else _signed(value, 64)
        return Named(number, members[number]) if number in members else value
    return value


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


@functools.cache
def _members(enum: str) -> Mapping[int, str]:
    return {value: name for name, value in _TABLES.enum(enum).items()}


@functools.cache
def _status_name(prefix: str, code: int) -> str:
    return _TABLES.status_name(code, prefix)


def exit_reason(fields: Mapping[str, Value]) -> str:
    """Name the reason of a REC exit."""
    code = fields["exit_reason"]
    assert isinstance(code, int)
    return _members("RmiRecExitReason").get(code, f"reason {code}")
