# SPDX-License-Identifier: BSD-3-Clause
"""Names for addresses, and addresses for names, out of ELF files.

``ElfFile`` reads one file, each table at its first use. ``Symboliser`` asks several,
each with the bias between the addresses it was linked for and those it runs at.
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.dwarf.aranges import ARanges
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

from harness.errors import StackError

_NAMED_TYPES = ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")


class ElfFormatError(StackError):
    """A file is not an ELF file, or does not hold what is asked of it."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name with its address and size in bytes (0 if the file does not say)."""

    name: str
    address: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A place in the source; ``end`` marks the first address after a sequence."""

    file: str
    line: int
    end: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What a dynamic linker must find for a file; a static one has no interpreter."""

    interpreter: str
    libraries: tuple[str, ...]


_Lines = tuple[list[int], list[SourceLine]]
"""Addresses in their order, and what is at each."""


class ElfFile:
    """One ELF file. Raises ``ElfFormatError`` where it is missing or broken."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[int | None, _Lines] = {}

    @contextmanager
    def _opened(self) -> Iterator[ELFFile]:
        """The parsed file; whatever goes wrong with it in the block is one kind of error."""
        try:
            yield ELFFile(io.BytesIO(self.path.read_bytes()))
        except Exception as problem:  # pyelftools raises anything on damage
            said = str(problem) or type(problem).__name__
            raise ElfFormatError(
                f"cannot read symbols from {self.path}: {said}",
                hint="the stack must name the whole ELF file with symbols, not the raw image",
            ) from problem

    @cached_property
    def _symbols(self) -> list[Symbol]:
        with self._opened() as elf:
            found = {
                Symbol(entry.name, entry["st_value"], entry["st_size"])
                for section in elf.iter_sections()
                if isinstance(section, SymbolTableSection)
                for entry in section.iter_symbols()
                if entry.name
                and not entry.name.startswith("$")
                and entry["st_info"]["type"] in _NAMED_TYPES
                and isinstance(entry["st_shndx"], int)
            }
        return sorted(found, key=lambda symbol: (symbol.address, symbol.size_bytes, symbol.name))

    @cached_property
    def _by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in self._symbols}

    @cached_property
    def _starts(self) -> list[int]:
        return [symbol.address for symbol in self._symbols]

    @cached_property
    def code_range(self) -> tuple[int, int]:
        """First and last-plus-one address of what is loaded into memory."""
        with self._opened() as elf:
            loads = [
                (segment["p_vaddr"], segment["p_vaddr"] + segment["p_memsz"])
                for segment in elf.iter_segments()
                if segment["p_type"] == "PT_LOAD" and segment["p_memsz"]
            ]
        if not loads:
            raise ElfFormatError(f"{self.path} has no loadable segment")
        return min(start for start, _ in loads), max(end for _, end in loads)

    @cached_property
    def needs(self) -> Needs:
        """The interpreter and the libraries that the file names."""
        interpreter, libraries = "", list[str]()
        with self._opened() as elf:
            for segment in elf.iter_segments():
                if isinstance(segment, InterpSegment):
                    interpreter = segment.get_interp_name()
                elif isinstance(segment, DynamicSegment):
                    tags = segment.iter_tags("DT_NEEDED")
                    libraries += [str(tag.needed) for tag in tags]  # type: ignore[attr-defined]
        return Needs(interpreter, tuple(libraries))

    @cached_property
    def _ranges(self) -> ARanges | None:
        with self._opened() as elf:
            return elf.get_dwarf_info().get_aranges() if elf.has_dwarf_info() else None

    def _lines_at(self, address: int) -> _Lines:
        """The lines of an address's unit; of all units if the file does not say which it is.

        All lines of a kernel would take minutes.
        """
        unit = self._ranges.cu_offset_at_addr(address) if self._ranges else None
        if unit not in self._lines:
            with self._opened() as elf:
                rows = sorted(_line_rows(elf, unit), key=lambda row: (row[0], not row[1].end))
            self._lines[unit] = [address for address, _ in rows], [line for _, line in rows]
        return self._lines[unit]

    def symbol(self, name: str) -> Symbol:
        """Return a symbol by name. Raises ``ElfFormatError`` if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise ElfFormatError(
                f"{self.path} has no symbol {name!r} ({len(self._by_name)} others)",
                hint="is this the ELF file of the image that runs?",
            ) from None

    def symbols(self, name: str) -> list[Symbol]:
        """Return all symbols of a name: static functions of several files may share one."""
        return [symbol for symbol in self._symbols if symbol.name == name]

    def find(self, address: int) -> Symbol | None:
        """Return the symbol that an address lies in, or None."""
        position = bisect.bisect_right(self._starts, address) - 1
        while position >= 0:
            symbol = self._symbols[position]
            if address < symbol.address + symbol.size_bytes:
                return symbol
            if not symbol.size_bytes:
                first, end = self.code_range
                return symbol if first <= address < end else None
            position -= 1
            if address - symbol.address > 1 << 20:
                return None
        return None

    def line(self, address: int) -> SourceLine | None:
        """Return the source line of an address, or None without debug information."""
        addresses, lines = self._lines_at(address)
        position = bisect.bisect_right(addresses, address) - 1
        if position < 0 or lines[position].end:
            return None
        return lines[position]

    def describe(self, address: int) -> str | None:
        """Return ``function+offset file:line`` for a linked address, or None."""
        symbol = self.find(address)
        if symbol is None:
            return None
        text = f"{symbol.name}+{address - symbol.address:#x}"
        try:
            line = self.line(address)
        except ElfFormatError:  # a name without its line is better than none
            return text
        return f"{text} {line.file}:{line.line}" if line else text


def _line_rows(elf: ELFFile, offset: int | None) -> Iterator[tuple[int, SourceLine]]:
    if not elf.has_dwarf_info():
        return
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs() if offset is None else [dwarf.get_CU_at(offset)]:
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        first_file = 0 if program.header.version >= 5 else 1
        names = [entry.name.decode("utf-8", "replace") for entry in program["file_entry"]]
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            index = state.file - first_file
            name = names[index] if 0 <= index < len(names) else "?"
            yield state.address, SourceLine(name, state.line, state.end_sequence)


class Symboliser:
    """Several ELF files, each under a name and with a load bias (run minus link address)."""

    def __init__(self, files: Mapping[str, Path], biases: Mapping[str, int] | None = None) -> None:
        self._files = {name: ElfFile(path) for name, path in files.items()}
        self._biases = dict(biases or {})

    def file(self, name: str) -> ElfFile:
        """Return one of the files. Raises ``ElfFormatError`` if it is not there."""
        try:
            return self._files[name]
        except KeyError:
            raise ElfFormatError(
                f"no ELF file is known for {name!r}, only for {sorted(self._files)}",
                hint="name it in the stack, as the component's elf output",
            ) from None

    def address(self, name: str, symbol: str) -> int:
        """Return the run-time address of a symbol of one file."""
        return self.file(name).symbol(symbol).address + self._biases.get(name, 0)

    def symbolise(self, address: int) -> str:
        """Return ``0x... file: function+offset source:line``, or the bare number.

        Never raises: it serves reports, where a missing file must not hide the failure.
        """
        for name, elf in self._files.items():
            try:
                linked = address - self._biases.get(name, 0)
                first, end = elf.code_range
                text = elf.describe(linked) if first <= linked < end else None
            except ElfFormatError:
                continue
            if text:
                return f"{address:#x} {name}: {text}"
        return f"{address:#x}"
