# SPDX-License-Identifier: BSD-3-Clause
"""The text frames of the serial link; pure functions (format: ``monitor.toml``).

``FrameError`` means that bytes are not a frame, or not a frame of the wanted kind.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from harness.errors import FrameError
from harness.link.protocol import ARG_COUNT, EOT, FRAME_MAX_BYTES, SOH, Reply
from harness.types import MASK64

REQUEST = "Q"
ANSWER = "A"
DAMAGED = "N"
WORKING = "W"

FRAME_PATTERN = re.compile(rb"%c[^%c%c]*%c" % (SOH, SOH, EOT, EOT))
"""Finds the next whole frame in a stream; SOH always starts a new one."""

_FAULT_COUNT = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose CRC was right: its type character, number fields and data."""

    kind: str
    fields: tuple[int, ...]
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """What the harness asks."""

    seq: int
    pe: int
    op: int
    args: tuple[int, ...]
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the monitor answers, with the request that it answers."""

    seq: int
    pe: int
    reply: Reply


def encode(frame: Frame, keep: int = 0) -> bytes:
    """Return the bytes of a frame; trailing zero fields after the first ``keep`` are left out."""
    fields = [field & MASK64 for field in frame.fields]
    while len(fields) > keep and not fields[-1]:
        fields.pop()
    body = ",".join(f"{field:x}" for field in fields)
    if frame.data:
        body += f"={frame.data.hex()}"
    text = f"{frame.kind}{body}".encode()
    raw = b"%c%s:%08x%c" % (SOH, text, zlib.crc32(text), EOT)
    if len(raw) > FRAME_MAX_BYTES:
        raise FrameError(f"a frame of {len(raw)} bytes is longer than {FRAME_MAX_BYTES}")
    return raw


def decode(raw: bytes) -> Frame:
    """Return the frame in ``raw`` (SOH to EOT). Raises ``FrameError`` saying what is wrong."""
    text, colon, crc = raw[1:-1].rpartition(b":")
    if len(raw) < 3 or raw[0] != SOH or raw[-1] != EOT or not colon or not text:
        raise FrameError(f"not a frame: {_show(raw)}")
    if not re.fullmatch(rb"[0-9a-f]{8}", crc) or int(crc, 16) != zlib.crc32(text):
        raise FrameError(f"wrong CRC, expected {zlib.crc32(text):08x}: {_show(raw)}")
    kind, (numbers, equals, data) = text[:1].decode("latin-1"), text[1:].partition(b"=")
    try:
        fields = tuple(int(field, 16) for field in numbers.split(b",")) if numbers else ()
        return Frame(kind, fields, bytes.fromhex(data.decode()) if equals else b"")
    except ValueError as problem:
        raise FrameError(f"unreadable field ({problem}): {_show(raw)}") from None


def encode_request(request: Request) -> bytes:
    """Return the bytes of a request."""
    fields = (request.seq, request.pe, request.op, *request.args)
    return encode(Frame(REQUEST, fields, request.data), keep=3)


def decode_request(frame: Frame) -> Request:
    """Read a request out of a frame (the monitor's side)."""
    seq, pe, op, *args = _numbers(frame, REQUEST, 3, 3 + ARG_COUNT)
    return Request(seq, pe, op, tuple(args), frame.data)


def encode_answer(answer: Answer) -> bytes:
    """Return the bytes of an answer (the monitor's side)."""
    reply = answer.reply
    values = (*reply.values, *([0] * ARG_COUNT))[:ARG_COUNT]
    faults = (reply.esr, reply.elr, reply.far, reply.hpfar)
    fields = (answer.seq, answer.pe, reply.status, *values, *faults)
    return encode(Frame(ANSWER, fields, reply.data), keep=3)


def decode_answer(frame: Frame) -> Answer:
    """Read an answer out of a frame."""
    numbers = _numbers(frame, ANSWER, 2, 3 + ARG_COUNT + _FAULT_COUNT)
    seq, pe, status = numbers[:3]
    values, faults = numbers[3 : 3 + ARG_COUNT], numbers[3 + ARG_COUNT :]
    return Answer(seq, pe, Reply(status, values, *_faults(faults), frame.data))


def _faults(numbers: tuple[int, ...]) -> tuple[int, int, int, int]:
    esr, elr, far, hpfar = numbers
    return esr, elr, far, hpfar


def decode_working(frame: Frame) -> tuple[int, int]:
    """Read sequence number and PE out of a "still working" frame."""
    seq, pe = _numbers(frame, WORKING, 0, 2)
    return seq, pe


def _numbers(frame: Frame, kind: str, least: int, most: int) -> tuple[int, ...]:
    """Return exactly ``most`` fields, those left out as zero."""
    if frame.kind != kind or not least <= len(frame.fields) <= most:
        raise FrameError(
            f"wanted a frame of type {kind!r} with {least} to {most} fields, "
            f"got type {frame.kind!r} with {len(frame.fields)}"
        )
    return frame.fields + (0,) * (most - len(frame.fields))


def _show(raw: bytes, most: int = 80) -> str:
    return repr(raw if len(raw) <= most else raw[:most] + b"...")
