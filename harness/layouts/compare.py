# SPDX-License-Identifier: BSD-3-Clause
"""A host kernel's structures against the tables of the RMM's ABI.

Kernels name their structures and members as they like; what counts is where they lie. What
the host writes (parameters, the entry half of a run page) may be declared wider than the
table has it, as long as nothing else lies there: the rest is zero. What the RMM writes must
be exactly as wide, or the host takes bits that the RMM does not define.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.abi import tables
from harness.abi.entries import Field, Struct
from harness.layouts.layout import Layouts, StructLayout

_KERNEL_NAMES: Mapping[str, tuple[str, ...]] = {
    "RmiRealmParams": ("realm_params", "rmi_realm_params"),
    "RmiRecParams": ("rec_params", "rmi_rec_params"),
    "RmiRecEnter": ("rec_enter", "rmi_rec_enter"),
    "RmiRecExit": ("rec_exit", "rmi_rec_exit"),
    "RmiRecRun": ("rec_run", "rmi_rec_run"),
    "RmiRmmConfig": ("rmm_config", "rmi_rmm_config"),
}
_WRITTEN_BY_THE_RMM = ("RmiRecExit",)
_RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that lies elsewhere than the table says; ``seen`` is what the kernel has."""

    field: str
    wanted: str
    seen: str

    def __str__(self) -> str:
        return f"{self.field}: wanted {self.wanted}, seen {self.seen}"


def known_structures(version: str = "1.0") -> tuple[str, ...]:
    """Structures of the tables that a host kernel must have under one of our names for it."""
    return tuple(name for name in _KERNEL_NAMES if name in tables(version).structs)


def kernel_names(structure: str) -> tuple[str, ...]:
    """What kernels call a structure of the tables."""
    return _KERNEL_NAMES[structure]


def find_structure(kernel: Layouts, structure: str) -> StructLayout | None:
    """The kernel's version of a structure of the tables; None if it has none."""
    found = (kernel.struct(name) for name in _KERNEL_NAMES[structure])
    return next((layout for layout in found if layout is not None), None)


def compare_structure(
    layout: StructLayout, structure: str, version: str = "1.0"
) -> list[Difference]:
    """Where a kernel's structure departs from the table's."""
    table = tables(version).struct(structure)
    exact = structure in _WRITTEN_BY_THE_RMM
    problems = [
        difference
        for field in table.fields
        if not field.name.startswith(_RESERVED)
        and (difference := _compare_field(layout, table, field, exact=exact)) is not None
    ]
    if layout.size < _used_bytes(table.fields):
        used = f"at least {_used_bytes(table.fields):#x} bytes"
        problems.append(Difference(structure, used, f"{layout.size:#x} bytes"))
    if layout.size > table.size:
        problems.append(
            Difference(structure, f"at most {table.size:#x} bytes", f"{layout.size:#x} bytes")
        )
    return problems


def _compare_field(
    layout: StructLayout, table: Struct, field: Field, *, exact: bool
) -> Difference | None:
    room = min((f.offset for f in table.fields if f.offset > field.offset), default=table.size)
    most = field.size if exact else room - field.offset
    here = layout.at(field.offset)
    if any(field.size <= member.size <= most for member in here):
        return None
    wanted = f"{field.size} bytes at {field.offset:#x}"
    seen = ", ".join(f"{m.name} with {m.size} bytes there" for m in here)
    by_name = [m for m in layout.members if m.name == field.name]
    seen = seen or ", ".join(f"{m.name} at {m.offset:#x}" for m in by_name) or "nothing there"
    return Difference(f"{table.name}.{field.name}", wanted, seen)


def _used_bytes(fields: Sequence[Field]) -> int:
    used = (f.offset + f.size for f in fields if not f.name.startswith(_RESERVED))
    return max(used, default=0)
