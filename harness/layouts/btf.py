# SPDX-License-Identifier: BSD-3-Clause
"""Structures out of BTF, the compact type information that a Linux kernel carries.

Format: the kernel's Documentation/bpf/btf.rst. A running kernel shows its own as
``/sys/kernel/btf/vmlinux``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from harness.layouts.layout import LayoutError, Member, StructLayout

MAGIC = 0xEB9F
POINTER_BYTES = 8
_HEADER = struct.Struct("<HBBIIIII")
_TYPE = struct.Struct("<III")
_MEMBER = struct.Struct("<III")
_ARRAY = struct.Struct("<III")

_INT, _PTR, _ARRAY_KIND, _STRUCT, _UNION, _ENUM = 1, 2, 3, 4, 5, 6
_FUNC_PROTO, _VAR, _DATASEC, _FLOAT, _DECL_TAG, _ENUM64 = 13, 14, 15, 16, 17, 19
_ALIASES = (8, 9, 10, 11, 18)
"""Typedef, volatile, const, restrict, type tag: as large as what they refer to."""

_FIXED_TAIL = {_INT: 4, _ARRAY_KIND: 12, _VAR: 4, _DECL_TAG: 4}
_TAIL_PER_ITEM = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, _DATASEC: 12, _ENUM64: 12}
_SIZED = (_INT, _STRUCT, _UNION, _ENUM, _FLOAT, _ENUM64)


@dataclass(frozen=True, slots=True)
class _Type:
    """One record: ``at`` is where its tail begins, ``word`` its size or the type it refers to."""

    name_at: int
    kind: int
    count: int
    bitfields: bool
    word: int
    at: int


def find_btf(data: bytes) -> bytes | None:
    """Return the BTF inside a kernel's ``Image``, where nothing says where it lies.

    None if there is none.
    """
    mark = struct.pack("<HBBI", MAGIC, 1, 0, _HEADER.size)
    at = data.find(mark)
    while at >= 0:
        header = data[at : at + _HEADER.size]
        if len(header) == _HEADER.size:
            *_, types_at, types_size, strings_at, strings_size = _HEADER.unpack(header)
            end = at + _HEADER.size + strings_at + strings_size
            # The types come first, the strings after them begin with an empty one.
            whole = types_at == 0 and strings_at == types_size and end <= len(data)
            if whole and strings_size and data[end - strings_size] == 0:
                return data[at:end]
        at = data.find(mark, at + 1)
    return None


class Btf:
    """The types of one BTF blob. Raises ``LayoutError`` where it is not BTF."""

    def __init__(self, data: bytes, where: str) -> None:
        self._where = where
        if len(data) < _HEADER.size or struct.unpack_from("<H", data)[0] != MAGIC:
            raise LayoutError(f"{where}: this is no BTF", hint="is CONFIG_DEBUG_INFO_BTF set?")
        _, _, _, header, types_at, types_size, strings_at, strings_size = _HEADER.unpack_from(data)
        self._types = data[header + types_at : header + types_at + types_size]
        self._strings = data[header + strings_at : header + strings_at + strings_size]
        if len(self._types) != types_size or len(self._strings) != strings_size:
            raise LayoutError(f"{where}: the BTF is cut short", hint="copy it again, whole")

    def struct(self, name: str) -> StructLayout | None:
        """Return a structure by its tag; None if there is none."""
        wanted = name.encode()
        for kind in self._records:
            if kind.kind == _STRUCT and self._name(kind.name_at) == wanted:
                members = tuple(self._members(kind, "", 0))
                return StructLayout(name, kind.word, members)
        return None

    @cached_property
    def _records(self) -> list[_Type]:
        """All records; record n is type n + 1. Raises ``LayoutError``."""
        try:
            return list(self._walk())
        except struct.error:
            raise LayoutError(f"{self._where}: the BTF is cut inside a type") from None

    def _walk(self) -> Iterator[_Type]:
        at = 0
        while at < len(self._types):
            name_at, info, word = _TYPE.unpack_from(self._types, at)
            kind, count = info >> 24 & 0x1F, info & 0xFFFF
            yield _Type(name_at, kind, count, bool(info >> 31), word, at + _TYPE.size)
            at += _TYPE.size + _FIXED_TAIL.get(kind, 0) + count * _TAIL_PER_ITEM.get(kind, 0)

    def _name(self, at: int) -> bytes:
        return self._strings[at : self._strings.index(b"\0", at)]

    def _members(self, outer: _Type, prefix: str, base: int) -> Iterator[Member]:
        for number in range(outer.count):
            name_at, type_id, place = _MEMBER.unpack_from(
                self._types, outer.at + number * _MEMBER.size
            )
            bits, place = (place >> 24, place & 0xFFFFFF) if outer.bitfields else (0, place)
            if bits or place % 8:
                continue
            inner, offset = self._resolve(type_id), base + place // 8
            name = self._name(name_at).decode()
            nested = inner is not None and inner.kind in (_STRUCT, _UNION)
            if name:
                yield Member(prefix + name, offset, self._size(type_id))
            if nested:
                assert inner is not None
                yield from self._members(inner, f"{prefix}{name}." if name else prefix, offset)

    def _resolve(self, type_id: int) -> _Type | None:
        """The type behind typedefs and qualifiers; None is void."""
        while type_id:
            found = self._records[type_id - 1]
            if found.kind not in _ALIASES:
                return found
            type_id = found.word
        return None

    def _size(self, type_id: int) -> int:
        found = self._resolve(type_id)
        if found is None:
            return 0
        if found.kind == _ARRAY_KIND:
            element, _, count = _ARRAY.unpack_from(self._types, found.at)
            return int(count) * self._size(element)
        if found.kind == _PTR:
            return POINTER_BYTES
        return found.word if found.kind in _SIZED else 0
