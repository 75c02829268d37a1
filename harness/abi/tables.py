# SPDX-License-Identifier: BSD-3-Clause
"""From the TOML files to the tables of one dialect.

The files under ``data/`` are the single place where a number of the ABI stands.
``tables(version)`` merges those of one dialect. Whatever stands twice is refused with
:class:`~harness.errors.AbiError`.
"""

from __future__ import annotations

import functools
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, TypeVar

from harness.abi.entries import (
    Bitfield,
    Bits,
    Command,
    Condition,
    Field,
    Register,
    Struct,
    Tables,
    lookup,
)
from harness.errors import AbiError

_RMM_FILES = ("rmi-{v}.toml", "rsi-{v}.toml", "structs-{v}.toml")
_OWN_FILES = ("rmm-el3.toml", "monitor.toml", "payload.toml", "tap.toml", "dev-rmi.toml")

_T = TypeVar("_T")


@functools.cache
def tables(version: str = "1.0") -> Tables:
    """Load the tables of one RMM dialect (``"1.0"`` or ``"2.0"``) with the project's own."""
    merged = _Merge()
    for name in (*(f.format(v=version) for f in _RMM_FILES), *_OWN_FILES):
        merged.add(name, raw_table(name))
    return merged.finish(version)


def raw_table(name: str) -> dict[str, Any]:
    """Read one file of ``data/`` as it is, prose included; AbiError if there is none."""
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
            _put(self.commands, row["name"], _command(_with_inherited(row)), file)
        for row in raw.get("status", ()):
            _put(self.statuses, row["name"], row["code"], file)
        for row in raw.get("struct", ()):
            _put(self.structs, row["name"], _struct(row), file)
        for row in raw.get("bitfield", ()):
            _put(self.bitfields, row["name"], _bitfield(row), file)
        for name, members in raw.get("enum", {}).items():
            # RSI and structure tables both list what realms and hosts share.
            if self.enums.setdefault(name, dict(members)) != dict(members):
                raise AbiError(f"{file}: enumeration {name} differs from an earlier table")
        for name, value in raw.get("constant", {}).items():
            _put(self.constants, name, value, file)
        if file.startswith(("rmi-", "rsi-")):
            name = f"{file[:3].upper()}_ABI_VERSION"
            _put(self.constants, name, raw["meta"].get("abi_version", 0), file)

    def finish(self, version: str) -> Tables:
        by_fid: dict[int, Command] = {}
        for command in self.commands.values():
            known = by_fid.setdefault(command.fid, command)
            if known is not command:
                raise AbiError(f"{known.name} and {command.name} are both {command.fid:#x}")
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


def _put(into: dict[str, _T], name: str, item: _T, file: str) -> None:
    if name in into:
        raise AbiError(f"{file}: {name} is defined twice")
    into[name] = item


def _require_single(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise AbiError(f"{what} has {', '.join(twice)} more than once")


def _with_inherited(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Complete a row of a later dialect that says only what differs from an earlier one."""
    if "inherits" not in row:
        return row
    earlier = {r["name"]: r for r in raw_table(row["inherits"])["command"]}
    return {**lookup(earlier, row["name"], f"command of {row['inherits']}"), **row}


def _registers(rows: Sequence[Mapping[str, str]]) -> tuple[Register, ...]:
    # Where the sources of a dialect give no type, the register is a plain word.
    return tuple(Register(r["reg"], r["name"], r.get("type", "UInt64")) for r in rows)


def _command(row: Mapping[str, Any]) -> Command:
    _require_single((f["id"] for f in row.get("failures", ())), row["name"])
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
    _require_single((f.name for f in fields), row["name"])
    return Struct(row["name"], row["size"], row.get("alignment", 8), fields)


def _bitfield(row: Mapping[str, Any]) -> Bitfield:
    rows = _newest_beta(row.get("fields", ()))
    fields = tuple(Bits(f["name"], f["hi"], f["lo"]) for f in rows)
    _require_single((f.name for f in fields), row["name"])
    return Bitfield(row["name"], row.get("width", 64), fields, row.get("mask"))


def _newest_beta(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Leave out bits that the betas of a draft disagree on, except as the newest has them."""
    newest = max((beta for row in rows for beta in row.get("betas", ())), default="")
    return [row for row in rows if newest in row.get("betas", (newest,))]
