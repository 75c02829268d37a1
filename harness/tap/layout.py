# SPDX-License-Identifier: BSD-3-Clause
"""Header and records of a tap file as Python values; offsets come from ``tap.toml``."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from harness.abi import codec, tables
from harness.errors import HarnessError
from harness.types import Pa

_TABLES = tables()
MAGIC = _TABLES.constants["TAP_MAGIC"]
VERSION = _TABLES.constants["TAP_VERSION"]
HEADER_BYTES = _TABLES.constants["TAP_HEADER_BYTES"]
RECORD_BYTES = _TABLES.constants["TAP_RECORD_BYTES"]
LINE_BYTES = _TABLES.constants["TAP_LINE_BYTES"]

_KINDS = _TABLES.enum("TapKind")
CALL, RETURN, LINE, LOST = (_KINDS[name] for name in ("CALL", "RETURN", "LINE", "LOST"))

_FLAGS = _TABLES.bitfield("TapFlags")
NO_RAM = _FLAGS.bits("no_ram").mask
BAD_ADDRESS = _FLAGS.bits("bad_address").mask
NO_REGISTERS = _FLAGS.bits("no_registers").mask

_STATES = _TABLES.enum("TapState")


class TapError(HarnessError):
    """A file that is no tap file, or one whose records contradict each other."""


class State(IntEnum):
    """Security state of a caller."""

    SECURE = _STATES["SECURE"]
    NON_SECURE = _STATES["NON_SECURE"]
    ROOT = _STATES["ROOT"]
    REALM = _STATES["REALM"]
    UNKNOWN = _STATES["UNKNOWN"]


class Record(NamedTuple):
    """A CALL, RETURN or LOST record, named as in ``tap.toml``."""

    seq: int
    time_ns: int
    call: int
    instructions: int
    pc: int
    rec: int
    kind: int
    cpu: int
    state: int
    level: int
    flags: int
    lines: int
    span: int
    x: tuple[int, ...]


class Line(NamedTuple):
    """64 bytes of memory that belong to a record."""

    seq: int
    time_ns: int
    call: int
    base: int
    addr: int
    kind: int
    cpu: int
    data: bytes


def _format(name: str) -> str:
    """The struct format of a table's structure, in the order of its offsets."""
    layout = codec(name)
    parts, at = ["<"], 0
    for field in sorted(layout.fields.values(), key=lambda f: f.field.offset):
        parts.append(f"{field.field.offset - at}x" if field.field.offset > at else "")
        parts.append(field.format[1:])
        at = field.field.offset + field.field.size
    parts.append(f"{layout.layout.size - at}x" if layout.layout.size > at else "")
    return "".join(parts)


_RECORD = struct.Struct(_format("TapRecord"))
_LINE = struct.Struct(_format("TapLine"))
_KIND_AT = codec("TapRecord").offset("kind")
_SCALARS = len(Record._fields) - 1


def unpack(data: bytes | memoryview, at: int) -> Record | Line:
    """Read the record at a byte offset, whatever its kind."""
    if data[at + _KIND_AT] == LINE:
        return Line._make(_LINE.unpack_from(data, at))
    words = _RECORD.unpack_from(data, at)
    return Record._make((*words[:_SCALARS], words[_SCALARS:]))


def _peek_format() -> str:
    """The struct format of what ``peek`` reads of a record."""
    offsets = [codec("TapRecord").offset(name) for name in ("seq", "kind", "state", "x")]
    sizes = "QHBQ"
    parts, at = ["<"], 0
    for offset, size in zip(offsets, sizes, strict=True):
        parts.append(f"{offset - at}x{size}")
        at = offset + struct.calcsize(f"<{size}")
    return "".join(parts)


peek = struct.Struct(_peek_format()).unpack_from
"""``peek(data, at)``: seq, kind, state and x0 of a record that is no LINE, in little time."""


def pack(record: Record | Line) -> bytes:
    """Return a record's bytes, for files that are made without QEMU."""
    if isinstance(record, Line):
        return _LINE.pack(*record)
    return _RECORD.pack(*record[:_SCALARS], *record.x)


class Header(NamedTuple):
    """What a tap file says about itself; the counters grow while QEMU runs.

    ``realtime_ns`` is the time since 1970 when the records' clock stood at ``monotonic_ns``.
    ``ram_size`` is 0 where RAM was not shared, ``limit_bytes`` where the file may grow freely.
    """

    cpus: int
    api: int
    ended: bool
    monotonic_ns: int
    realtime_ns: int
    ram_base: Pa
    ram_size: int
    limit_bytes: int
    records: int
    lost: int
    others: int
    counted: bool
    others_recorded: bool
    stack_hash: str

    @classmethod
    def decode(cls, data: bytes, name: str) -> Header:
        """Read a header; TapError says what is wrong with the file ``name``."""
        if len(data) < HEADER_BYTES:
            raise TapError(f"{name} is cut short: {len(data)} bytes, a header is {HEADER_BYTES}")
        seen = codec("TapHeader").unpack(data)
        if seen["magic"] != MAGIC:
            raise TapError(f"{name} is not a tap file", hint="it does not begin with CCATAP1")
        numbers = {name: value for name, value in seen.items() if isinstance(value, int)}
        _require_known(numbers, name)
        text = seen["stack_hash"]
        stack = text.rstrip(b"\0").decode("utf-8", "replace") if isinstance(text, bytes) else ""
        kept = cls._make((*(numbers[key] for key in cls._fields[:-1]), stack))
        return kept._replace(
            ended=bool(kept.ended),
            counted=bool(kept.counted),
            others_recorded=bool(kept.others_recorded),
            ram_base=Pa(kept.ram_base),
        )

    def encode(self) -> bytes:
        """Return the header's bytes, for files that are made without QEMU."""
        fields = self._asdict()
        fields["stack_hash"] = self.stack_hash.encode()
        numbers = {k: int(v) if isinstance(v, bool) else v for k, v in fields.items()}
        return codec("TapHeader").encode(
            magic=MAGIC,
            version=VERSION,
            header_size=HEADER_BYTES,
            record_size=RECORD_BYTES,
            **numbers,
        )


def _require_known(numbers: dict[str, int], name: str) -> None:
    version, header, record = (numbers[k] for k in ("version", "header_size", "record_size"))
    if (version, header, record) != (VERSION, HEADER_BYTES, RECORD_BYTES):
        raise TapError(
            f"{name} has version {version} with a header of {header} and records of {record} "
            f"bytes; this harness reads version {VERSION} with {HEADER_BYTES} and {RECORD_BYTES}",
            hint="read it with the harness that recorded it",
        )
