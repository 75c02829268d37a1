# SPDX-License-Identifier: BSD-3-Clause
"""The C header ``cca_abi.h`` of all numbers that the in-tree images share with Python.

``python -m harness.abi.cheader OUT.h`` writes it. With ``__ASSEMBLER__`` defined only
the plain numbers are seen.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.abi.entries import Bitfield, Field, Struct, Tables
from harness.abi.tables import tables

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ARRAY = re.compile(r"^(\w+)\[(\d+)\]$")


def snake(name: str) -> str:
    """``RmiRecExitReason`` → ``rmi_rec_exit_reason``."""
    return _WORDS.sub("_", name).lower()


def render(version: str = "1.0") -> str:
    """Return the text of the header for one RMM dialect."""
    known = tables(version)
    lines = [
        "/* SPDX-License-Identifier: BSD-3-Clause */",
        f"/* Generated from the ABI tables (RMM {version}); not to be edited. */",
        "#ifndef CCA_ABI_H",
        "#define CCA_ABI_H",
        "",
        *_numbers(known),
        "",
        "#ifndef __ASSEMBLER__",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        *_structs(known),
        "#endif /* __ASSEMBLER__ */",
        "#endif /* CCA_ABI_H */",
    ]
    return "\n".join(lines) + "\n"


def _define(name: str, value: int) -> str:
    if value < 0:
        return f"#define {name} (-{-value})"
    return f"#define {name} {value:#x}" if value > 9 else f"#define {name} {value}"


def _numbers(known: Tables) -> Iterator[str]:
    for name, value in known.constants.items():
        yield _define(name, value)
    for command in known.commands.values():
        yield _define(f"FID_{command.name}", command.fid)
    for name, value in known.statuses.items():
        yield _define(name, value)
    for enum, members in known.enums.items():
        for member, value in members.items():
            yield _define(f"{snake(enum).upper()}_{member}", value)
    for bitfield in known.bitfields.values():
        yield from _bit_numbers(bitfield)


def _bit_numbers(bitfield: Bitfield) -> Iterator[str]:
    prefix = snake(bitfield.name).upper()
    if bitfield.mask is not None:
        yield _define(f"{prefix}_MASK", bitfield.mask)
    for bits in bitfield.fields:
        name = f"{prefix}_{bits.name.upper()}"
        yield _define(f"{name}_SHIFT", bits.lo)
        yield _define(f"{name}_WIDTH", bits.width)
        yield _define(f"{name}_MASK", bits.mask)


def _structs(known: Tables) -> Iterator[str]:
    done: set[str] = set()
    for layout in _dependencies_first(known):
        if layout.name not in done:
            done.add(layout.name)
            yield from _struct(layout, known)


def _dependencies_first(known: Tables) -> Iterator[Struct]:
    for layout in known.structs.values():
        yield from (known.structs[f.type] for f in layout.fields if f.type in known.structs)
        yield layout


def _struct(layout: Struct, known: Tables) -> Iterator[str]:
    name = snake(layout.name)
    yield _define(f"{name.upper()}_SIZE", layout.size)
    yield f"struct {name} {{"
    at = 0
    for field in sorted(layout.fields, key=lambda f: f.offset):
        yield from _padding(at, field.offset)
        yield f"\t{_declaration(field, known)};"
        at = field.offset + field.size
    yield from _padding(at, layout.size)
    yield "};"
    yield from _asserts(name, layout)
    yield ""


def _padding(at: int, until: int) -> Iterable[str]:
    return [f"\tuint8_t reserved_{at:x}[{until - at:#x}];"] if until > at else []


def _declaration(field: Field, known: Tables) -> str:
    element, count = field.type, 1
    if match := _ARRAY.match(field.type):
        element, count = match[1], int(match[2])
    suffix = f"[{count}]" if count > 1 else ""
    if element in known.structs:
        return f"struct {snake(element)} {field.name}{suffix}"
    size = field.size // count
    if size not in (1, 2, 4, 8):
        return f"uint8_t {field.name}[{field.size}]"
    sign = "int" if element.startswith("s") and element[1:].isdigit() else "uint"
    return f"{sign}{8 * size}_t {field.name}{suffix}"


def _asserts(name: str, layout: Struct) -> Iterator[str]:
    for field in layout.fields:
        where = f"offsetof(struct {name}, {field.name})"
        yield f'_Static_assert({where} == {field.offset:#x}, "{name}.{field.name}");'
    yield f'_Static_assert(sizeof(struct {name}) == {layout.size:#x}, "{name}");'


def main(arguments: list[str] | None = None) -> int:
    """Write the header to the path given as the only argument."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: python -m harness.abi.cheader OUT.h", file=sys.stderr)
        return 2
    Path(arguments[0]).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
