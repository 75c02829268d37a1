# SPDX-License-Identifier: BSD-3-Clause
"""Structures in memory ↔ Python values, driven by the tables.

A decoded structure is a plain dict: integers for scalars, tuples for arrays of
integers, ``bytes`` for byte arrays, nested dicts for nested structures.
"""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from harness.abi.entries import Field, Struct
from harness.abi.tables import tables
from harness.errors import AbiError

Value = int | bytes | tuple[int, ...] | dict[str, "Value"]
"""What a field decodes to."""

Buffer = bytes | bytearray | memoryview

_SCALARS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_ARRAY = re.compile(r"^(\w+)\[(\d+)\]$")
_SIGNED = re.compile(r"^s\d+$")


@dataclass(frozen=True, slots=True)
class FieldCodec:
    """How one field is packed: ``nested`` for a structure, else a struct format."""

    field: Field
    format: str
    count: int
    nested: StructCodec | None

    def unpack(self, data: Buffer, base: int) -> Value:
        """Read the field of the structure that starts at ``base``."""
        at = base + self.field.offset
        if self.nested is not None:
            return self.nested.unpack(data, at)
        values = struct.unpack_from(self.format, data, at)
        if self.format.endswith("s"):
            return bytes(values[0])
        return tuple(values) if self.count > 1 else int(values[0])

    def pack(self, into: bytearray | memoryview, base: int, value: Value) -> None:
        """Write the field; AbiError names the field when the value does not fit."""
        at = base + self.field.offset
        try:
            if self.nested is not None and isinstance(value, Mapping):
                self.nested.pack(into, at, value)
            elif isinstance(value, tuple | list):
                padded = (*value, *([0] * (self.count - len(value))))
                struct.pack_into(self.format, into, at, *padded)
            elif self.format.endswith("s") and isinstance(value, bytes):
                if len(value) > self.field.size:
                    raise struct.error(f"{len(value)} bytes given")
                struct.pack_into(self.format, into, at, value)
            elif isinstance(value, int) and self.nested is None and self.count == 1:
                struct.pack_into(self.format, into, at, self._word(value))
            else:
                raise struct.error(f"{type(value).__name__} given")
        except struct.error as error:
            field = self.field
            raise AbiError(f"{field.name} is {field.type}, {field.size} bytes: {error}") from None

    def _word(self, value: int) -> int:
        """Bring a value that fits, signed or not, into the range of the format."""
        half = 1 << (8 * self.field.size - 1)
        if not -half <= value < 2 * half:
            raise struct.error(f"{value:#x} is out of range")
        signed = self.format[-1].islower()
        return (value + half) % (2 * half) - half if signed else value % (2 * half)


@dataclass(frozen=True, slots=True)
class StructCodec:
    """Packs and unpacks one structure."""

    layout: Struct
    fields: Mapping[str, FieldCodec]

    def unpack(self, data: Buffer, base: int = 0) -> dict[str, Value]:
        """Decode the structure that starts at byte ``base``."""
        if len(data) - base < self.layout.size:
            have = len(data) - base
            raise AbiError(f"{self.layout.name} is {self.layout.size} bytes, only {have} given")
        return {name: codec.unpack(data, base) for name, codec in self.fields.items()}

    def pack(self, into: bytearray | memoryview, base: int, values: Mapping[str, Value]) -> None:
        """Write the named fields at byte ``base``; others stay as they are."""
        for name, value in values.items():
            if name not in self.fields:
                self.layout.field(name)
            self.fields[name].pack(into, base, value)

    def encode(self, **values: Value) -> bytes:
        """Build the structure's bytes; fields not named are zero."""
        buffer = bytearray(self.layout.size)
        self.pack(buffer, 0, values)
        return bytes(buffer)

    def offset(self, name: str) -> int:
        """Byte offset of a field."""
        return self.layout.field(name).offset


@functools.cache
def codec(name: str, version: str = "1.0") -> StructCodec:
    """Return the codec of a structure of the tables; AbiError if there is none."""
    layout = tables(version).struct(name)
    return StructCodec(layout, {f.name: _field_codec(f, version) for f in layout.fields})


def _field_codec(field: Field, version: str) -> FieldCodec:
    element, count = field.type, 1
    if match := _ARRAY.match(field.type):
        element, count = match[1], int(match[2])
    if element in tables(version).structs:
        return FieldCodec(field, "", 1, codec(element, version))
    size = field.size // count
    if (element == "u8" and count > 1) or size not in _SCALARS:
        return FieldCodec(field, f"<{field.size}s", 1, None)
    letter = _SCALARS[size].lower() if _SIGNED.match(element) else _SCALARS[size]
    return FieldCodec(field, f"<{count}{letter}", count, None)
