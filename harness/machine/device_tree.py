# SPDX-License-Identifier: BSD-3-Clause
"""Device trees in their flattened form: read, change properties, write again.

Source: Devicetree Specification 0.4, chapter 5 (magic, structure block, strings block).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.errors import StackError

_MAGIC = 0xD00DFEED
_VERSION, _COMPATIBLE_VERSION = 17, 16
_BEGIN_NODE, _END_NODE, _PROPERTY, _NOP, _END = 1, 2, 3, 4, 9
_HEADER = struct.Struct(">10I")


class DeviceTreeError(StackError):
    """Bytes are not a device tree, or it lacks a node."""


@dataclass(slots=True)
class Node:
    """One node: properties as raw bytes (cells are big-endian), children by name."""

    properties: dict[str, bytes] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)

    def set_text(self, name: str, text: str) -> None:
        """Set a property to a string."""
        self.properties[name] = text.encode() + b"\0"

    def set_u64(self, name: str, value: int) -> None:
        """Set a property to a 64-bit number."""
        self.properties[name] = value.to_bytes(8, "big")


@dataclass(slots=True)
class DeviceTree:
    """A whole tree, with its memory reservations (address, size in bytes) and boot CPU."""

    root: Node
    reservations: list[tuple[int, int]] = field(default_factory=list)
    boot_cpu: int = 0

    @classmethod
    def parse(cls, data: bytes) -> DeviceTree:
        """Read a flattened tree. Raises ``DeviceTreeError``."""
        try:
            return _parse(data)
        except (struct.error, ValueError, IndexError) as problem:
            raise DeviceTreeError(f"{len(data)} bytes are no device tree: {problem}") from problem

    def node(self, path: str) -> Node:
        """Return a node by its path. Raises ``DeviceTreeError``."""
        found = self.root
        for name in path.strip("/").split("/"):
            if name not in found.children:
                raise DeviceTreeError(
                    f"the device tree has no node {path}: {name} is none of"
                    f" {', '.join(found.children)}"
                )
            found = found.children[name]
        return found

    def pack(self) -> bytes:
        """Return the flattened tree."""
        strings = _Strings()
        structure = b"".join([*_flatten("", self.root, strings), struct.pack(">I", _END)])
        reserved = b"".join(struct.pack(">QQ", *entry) for entry in [*self.reservations, (0, 0)])
        reserved_at = _HEADER.size
        structure_at = reserved_at + len(reserved)
        strings_at = structure_at + len(structure)
        header = _HEADER.pack(
            _MAGIC, strings_at + len(strings.data), structure_at, strings_at, reserved_at,
            _VERSION, _COMPATIBLE_VERSION, self.boot_cpu, len(strings.data), len(structure),
        )  # fmt: skip
        return header + reserved + structure + bytes(strings.data)


class _Strings:
    """The names of properties, each once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._offsets: dict[str, int] = {}

    def offset(self, name: str) -> int:
        if name not in self._offsets:
            self._offsets[name] = len(self.data)
            self.data += name.encode() + b"\0"
        return self._offsets[name]


def _flatten(name: str, node: Node, strings: _Strings) -> Iterator[bytes]:
    yield struct.pack(">I", _BEGIN_NODE) + _padded(name.encode() + b"\0")
    for key, value in node.properties.items():
        yield struct.pack(">III", _PROPERTY, len(value), strings.offset(key)) + _padded(value)
    for child_name, child in node.children.items():
        yield from _flatten(child_name, child, strings)
    yield struct.pack(">I", _END_NODE)


def _padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")


def _parse(data: bytes) -> DeviceTree:
    magic, _, at, strings_at, reserved_at, _, _, boot_cpu, _, _ = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError(f"they begin with {magic:#x}")
    tree = DeviceTree(Node(), _reservations(data, reserved_at), boot_cpu)
    above = Node()
    path = [above]
    while (token := _u32(data, at)) != _END:
        at += 4
        if token == _BEGIN_NODE:
            name = _text(data, at)
            at += -(-(len(name) + 1) // 4) * 4
            path.append(path[-1].children.setdefault(name, Node()))
        elif token == _END_NODE:
            path.pop()
        elif token == _PROPERTY:
            size_bytes, offset = _u32(data, at), _u32(data, at + 4)
            value = data[at + 8 : at + 8 + size_bytes]
            path[-1].properties[_text(data, strings_at + offset)] = value
            at += 8 + -(-size_bytes // 4) * 4
        elif token != _NOP:
            raise ValueError(f"token {token} at offset {at - 4}")
    tree.root = above.children[""]
    return tree


def _reservations(data: bytes, at: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while (entry := struct.unpack_from(">QQ", data, at)) != (0, 0):
        found.append((entry[0], entry[1]))
        at += 16
    return found


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
