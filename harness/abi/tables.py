# SPDX-License-Identifier: BSD-3-Clause
"""The ABI tables as frozen objects: commands, conditions, structures, bit fields, enums.

The TOML files under ``data/`` are the single place where a number of the ABI stands.
``tables(version)`` merges the files of one dialect; look-ups by an unknown name raise
:class:`~harness.errors.AbiError` with the nearest known names.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

from harness.errors import AbiError

_RMM_FILES = ("rmi-{v}.toml", "rsi-{v}.toml", "structs-{v}.toml")
_OWN_FILES = ("rmm-el3.toml", "monitor.toml", "payload.toml")


@dataclass(frozen=True, slots=True)
class Register:
    """One argument or result: the register (or run of them), its name and type."""

    reg: str
    name: str
    type: str

    @property
    def first(self) -> int:
        """Number of the (first) register: ``x3..x10`` gives 3."""
        return int(self.reg.split("..")[0][1:])

    @property
    def count(self) -> int:
        """How many registers it spans: ``x3..x10`` gives 8."""
        ends = [int(part[1:]) for part in self.reg.split("..")]
        return ends[-1] - ends[0] + 1


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
        return _lookup(found, condition_id, f"failure condition of {self.name}")


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
        return _lookup({f.name: f for f in self.fields}, name, f"field of {self.name}")


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
        return _lookup({f.name: f for f in self.fields}, name, f"bits of {self.name}")

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
        return _lookup(self.commands, name, "command")

    def struct(self, name: str) -> Struct:
        """Return the structure with this name; AbiError if there is none."""
        return _lookup(self.structs, name, "structure")

    def bitfield(self, name: str) -> Bitfield:
        """Return the bit field with this name; AbiError if there is none."""
        return _lookup(self.bitfields, name, "bit field")

    def enum(self, name: str) -> Mapping[str, int]:
        """Return the members of an enumeration; AbiError if there is none."""
        return _lookup(self.enums, name, "enumeration")

    def status_name(self, code: int, prefix: str) -> str:
        """Name a status code: ``status_name(4, "RMI")`` gives ``RMI_ERROR_RTT``."""
        for name, value in self.statuses.items():
            if value == code and name.startswith(prefix):
                return name
        return f"{prefix}_STATUS_{code}"


_T = TypeVar("_T")
_Named = TypeVar("_Named", Command, Struct, Bitfield)


@functools.cache
def tables(version: str = "1.0") -> Tables:
    """Load the tables of one RMM dialect (``"1.0"`` or ``"2.0"``) with the project's own."""
    merged = _Merge()
    for name in (*(f.format(v=version) for f in _RMM_FILES), *_OWN_FILES):
        merged.add(name, _load(name))
    return merged.finish(version)


def _load(name: str) -> dict[str, Any]:
    path = resources.files("harness.abi") / "data" / name
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(p.name for p in (resources.files("harness.abi") / "data").iterdir())
        raise AbiError(f"no ABI table {name}", hint=f"tables: {', '.join(known)}") from None


class _Merge:
    """Collects tables; a name that stands twice is an error."""

    def __init__(self) -> None:
        self.commands: dict[str, Command] = {}
        self.statuses: dict[str, int] = {}
        self.structs: dict[str, Struct] = {}
        self.bitfields: dict[str, Bitfield] = {}
        self.enums: dict[str, dict[str, int]] = {}
        self.constants: dict[str, int] = {}

    def add(self, file: str, raw: Mapping[str, Any]) -> None:
        for row in (*raw.get("command", ()), *raw.get("psci", ())):
            _put(self.commands, _command(row), file)
        for row in raw.get("status", ()):
            self.statuses[row["name"]] = row["code"]
        for row in raw.get("struct", ()):
            _put(self.structs, _struct(row), file)
        for row in raw.get("bitfield", ()):
            _put(self.bitfields, _bitfield(row), file)
        for name, members in raw.get("enum", {}).items():
            # RSI and structure tables both list what realms and hosts share.
            if self.enums.setdefault(name, dict(members)) != dict(members):
                raise AbiError(f"{file}: enumeration {name} differs from an earlier table")
        self.constants.update(raw.get("constant", {}))
        meta = raw["meta"]
        if file.startswith(("rmi-", "rsi-")):
            self.constants[f"{file[:3].upper()}_ABI_VERSION"] = meta.get("abi_version", 0)

    def finish(self, version: str) -> Tables:
        by_fid: dict[int, Command] = {}
        for command in self.commands.values():
            by_fid.setdefault(command.fid, command)
        return Tables(
            version=version,
            commands=self.commands,
            statuses=self.statuses,
            structs=self.structs,
            bitfields=self.bitfields,
            enums=self.enums,
            constants=self.constants,
            by_fid=by_fid,
        )


def _put(into: dict[str, _Named], item: _Named, file: str) -> None:
    if item.name in into:
        raise AbiError(f"{file}: {item.name} is defined twice")
    into[item.name] = item


def _registers(rows: Sequence[Any]) -> tuple[Register, ...]:
    return tuple(Register(r["reg"], r["name"], r["type"]) for r in rows if isinstance(r, dict))


def _command(row: Mapping[str, Any]) -> Command:
    return Command(
        name=row["name"],
        fid=row["fid"],
        inputs=_registers(row.get("inputs", ())),
        outputs=_registers(row.get("outputs", ())),
        failures=tuple(
            Condition(f["id"], f["status"], f.get("index", 0), f["when"], f.get("uncertain", False))
            for f in row.get("failures", ())
        ),
        order_pairs=tuple((a, b) for a, b in row.get("order_pairs", ())),
        success=row.get("success", ""),
        notes=tuple(row.get("notes", ())),
        may_exit=tuple(row.get("may_exit", ())),
    )


def _struct(row: Mapping[str, Any]) -> Struct:
    fields = tuple(Field(f["name"], f["offset"], f["size"], f["type"]) for f in row["fields"])
    return Struct(row["name"], row["size"], row.get("alignment", 8), fields)


def _bitfield(row: Mapping[str, Any]) -> Bitfield:
    fields = tuple(Bits(f["name"], f["hi"], f["lo"]) for f in row.get("fields", ()))
    return Bitfield(row["name"], row.get("width", 64), fields, row.get("mask"))


def _lookup(known: Mapping[str, _T], name: str, what: str) -> _T:
    try:
        return known[name]
    except KeyError:
        near = difflib.get_close_matches(name, known, n=3) or sorted(known)[:8]
        raise AbiError(f"no {what} named {name}", hint=f"did you mean {', '.join(near)}?") from None
