# SPDX-License-Identifier: BSD-3-Clause
"""Structures out of DWARF, for a ``vmlinux`` (or any ELF file) without BTF."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from harness.layouts.layout import LayoutError, Member, StructLayout

BTF_SECTION = ".BTF"
_FEW_UNITS = 64
_OURS = b"kvm"
_ALIASES = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type")
_COMPOSITE = ("DW_TAG_structure_type", "DW_TAG_union_type")

Die = Any
"""pyelftools has no types."""


def btf_section(path: Path) -> bytes | None:
    """Return the BTF of an ELF file; None if it has none. Raises ``LayoutError``."""
    try:
        with path.open("rb") as file:
            section = ELFFile(file).get_section_by_name(BTF_SECTION)
            return None if section is None else bytes(section.data())
    except Exception as problem:  # pyelftools raises anything on damage
        raise LayoutError(f"{path}: cannot be read as an ELF file: {problem}") from problem


class Dwarf:
    """The structures of an ELF file with debug information. Raises ``LayoutError``.

    Of a large file (a kernel) only the units whose source name has ``kvm`` in it are read:
    all of them would take minutes.
    """

    def __init__(self, path: Path) -> None:
        elf = ELFFile(io.BytesIO(path.read_bytes()))
        if not elf.has_dwarf_info():
            raise LayoutError(
                f"{path}: neither BTF nor DWARF",
                hint="build it with CONFIG_DEBUG_INFO_BTF or CONFIG_DEBUG_INFO_DWARF5",
            )
        units = list(elf.get_dwarf_info().iter_CUs())
        if len(units) > _FEW_UNITS:
            units = [unit for unit in units if _OURS in _name(unit.get_top_DIE())]
        self._units = units

    def struct(self, name: str) -> StructLayout | None:
        """Return a structure by its tag; None if there is none."""
        wanted = name.encode()
        for unit in self._units:
            for die in unit.iter_DIEs():
                if die.tag != "DW_TAG_structure_type" or "DW_AT_declaration" in die.attributes:
                    continue
                if _name(die) == wanted:
                    return StructLayout(name, _number(die, "byte_size"), tuple(_members(die)))
        return None


def _members(outer: Die, prefix: str = "", base: int = 0) -> Iterator[Member]:
    for die in outer.iter_children():
        if die.tag != "DW_TAG_member" or "DW_AT_bit_size" in die.attributes:
            continue
        inner = _resolve(die)
        offset, name = base + _number(die, "data_member_location"), _name(die).decode()
        if name:
            yield Member(prefix + name, offset, _size(inner))
        if inner is not None and inner.tag in _COMPOSITE:
            yield from _members(inner, f"{prefix}{name}." if name else prefix, offset)


def _resolve(die: Die) -> Die | None:
    """The type behind typedefs and qualifiers; None is void."""
    while "DW_AT_type" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_type")
        if die.tag not in _ALIASES:
            return die
    return None


def _size(die: Die | None) -> int:
    if die is None:
        return 0
    if die.tag != "DW_TAG_array_type":
        return _number(die, "byte_size")
    size = _size(_resolve(die))
    for bound in die.iter_children():
        if "DW_AT_count" in bound.attributes:
            size *= _number(bound, "count")
        else:
            size *= _number(bound, "upper_bound", -1) + 1
    return size


def _name(die: Die) -> bytes:
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value if attribute is not None else b""


def _number(die: Die, name: str, otherwise: int = 0) -> int:
    attribute = die.attributes.get(f"DW_AT_{name}")
    value = attribute.value if attribute is not None else otherwise
    return value if isinstance(value, int) else otherwise
