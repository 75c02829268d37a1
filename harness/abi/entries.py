# SPDX-License-Identifier: BSD-3-Clause
"""What the ABI tables consist of: commands, conditions, structures, bit fields, enums.

Look-ups by an unknown name raise :class:`~harness.errors.AbiError` with the nearest
known names.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from harness.errors import AbiError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Register:
    """One argument or result: the register (or run of them), its name and type."""

    reg: str
    name: str
    type: str

    @property
    def first(self) -> int:
        """Number of the (first) register: ``x3..x10`` gives 3."""
        return _ends(self.reg)[0]

    @property
    def count(self) -> int:
        """How many registers it spans: ``x3..x10`` gives 8."""
        first, last = _ends(self.reg)
        return last - first + 1


@functools.cache
def _ends(reg: str) -> tuple[int, int]:
    """Tables are read once, registers of recordings millions of times."""
    numbers = [int(part[1:]) for part in reg.split("..")]
    return numbers[0], numbers[-1]


@dataclass(frozen=True, slots=True)
class Condition:
    """One way in which a command fails, under the id the whole project uses for it."""

    id: str
    status: str
    index: int | str
    when: str
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One function id of RMI, RSI, PSCI or the RMM-EL3 interface."""

    name: str
    fid: int
    inputs: tuple[Register, ...]
    outputs: tuple[Register, ...]
    failures: tuple[Condition, ...]
    order_pairs: tuple[tuple[str, str], ...]
    success: str = ""
    notes: tuple[str, ...] = ()
    may_exit: tuple[str, ...] = ()

    def condition(self, condition_id: str) -> Condition:
        """Return the failure condition with this id; AbiError if there is none."""
        found = {c.id: c for c in self.failures}
        return lookup(found, condition_id, f"failure condition of {self.name}")


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a structure; ``size`` and ``offset`` in bytes."""

    name: str
    offset: int
    size: int
    type: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure in memory, little endian; ``size`` in bytes."""

    name: str
    size: int
    alignment: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """Return the member with this name; AbiError if there is none."""
        return lookup({f.name: f for f in self.fields}, name, f"field of {self.name}")


@dataclass(frozen=True, slots=True)
class Bits:
    """A run of bits ``hi:lo`` in a register or field."""

    name: str
    hi: int
    lo: int

    @property
    def width(self) -> int:
        """Number of bits."""
        return self.hi - self.lo + 1

    @property
    def mask(self) -> int:
        """Mask of the bits, in place."""
        return ((1 << self.width) - 1) << self.lo

    def get(self, word: int) -> int:
        """Extract the bits from ``word``."""
        return (word & self.mask) >> self.lo

    def put(self, value: int) -> int:
        """Place ``value``; AbiError when it does not fit."""
        if value < 0 or value >> self.width:
            raise AbiError(f"{self.name} is {self.width} bits wide, {value:#x} does not fit")
        return value << self.lo


@dataclass(frozen=True, slots=True)
class Bitfield:
    """A word made of named bit runs."""

    name: str
    width: int
    fields: tuple[Bits, ...]
    mask: int | None = None

    def bits(self, name: str) -> Bits:
        """Return the run with this name; AbiError if there is none."""
        return lookup({f.name: f for f in self.fields}, name, f"bits of {self.name}")

    def encode(self, **values: int) -> int:
        """Build a word from named values; bits not named are zero."""
        return sum(self.bits(name).put(value) for name, value in values.items())

    def decode(self, word: int) -> dict[str, int]:
        """Split a word into its named values."""
        return {bits.name: bits.get(word) for bits in self.fields}


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of one dialect."""

    version: str
    commands: Mapping[str, Command]
    statuses: Mapping[str, int]
    structs: Mapping[str, Struct]
    bitfields: Mapping[str, Bitfield]
    enums: Mapping[str, Mapping[str, int]]
    constants: Mapping[str, int]
    by_fid: Mapping[int, Command] = field(repr=False)

    def command(self, name: str) -> Command:
        """Return the command with this name; AbiError if there is none."""
        return lookup(self.commands, name, "command")

    def struct(self, name: str) -> Struct:
        """Return the structure with this name; AbiError if there is none."""
        return lookup(self.structs, name, "structure")

    def bitfield(self, name: str) -> Bitfield:
        """Return the bit field with this name; AbiError if there is none."""
        return lookup(self.bitfields, name, "bit field")

    def enum(self, name: str) -> Mapping[str, int]:
        """Return the members of an enumeration; AbiError if there is none."""
        return lookup(self.enums, name, "enumeration")

    def status_name(self, code: int, prefix: str) -> str:
        """Name a status code: ``status_name(4, "RMI")`` gives ``RMI_ERROR_RTT``."""
        for name, value in self.statuses.items():
            if value == code and name.startswith(prefix):
                return name
        return f"{prefix}_STATUS_{code}"


def lookup(known: Mapping[str, _T], name: str, what: str) -> _T:
    """Return ``known[name]``; AbiError with near names if it is not there."""
    try:
        return known[name]
    except KeyError:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise AbiError(f"no {what} named {name}", hint=hint) from None
