# SPDX-License-Identifier: BSD-3-Clause
"""From records to events: memory joined to its record, returns to their calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from harness.abi import tables
from harness.tap.events import Call, Event, Lost, Memory, Return
from harness.tap.file import TapFile
from harness.tap.layout import (
    CALL,
    LOST,
    RECORD_BYTES,
    RETURN,
    Header,
    Line,
    Record,
    State,
    TapError,
    peek,
    unpack,
)
from harness.types import Pa

_NEVER_RETURN = {
    tables().command(name).fid for name in ("RMM_RMI_REQ_COMPLETE", "RMM_BOOT_COMPLETE")
}
NO_NEWS = frozenset({tables().command("RMM_RMI_REQ_COMPLETE").fid})
"""Calls of the RMM that say what a RETURN to the host says too."""

_REALM = int(State.REALM)
_Caller = tuple[int, int, int, int]


class Assembler:
    """Makes events out of records that are given in order.

    It keeps the calls that are under way, at most one for each caller. Raises ``TapError``
    where a number is missing that no LOST record accounts for.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.skipped = 0
        self._seq: int | None = None
        self._open: dict[_Caller, Call] = {}
        self._head: Record | None = None
        self._lines: list[Line] = []

    def feed(self, record: Record | Line) -> Event | None:
        """Take one record; return the event that it completes."""
        self._check(record)
        if isinstance(record, Line):
            return self._line(record)
        if self._head is not None:
            raise TapError(f"record {record.seq}: lines of record {self._head.seq} are missing")
        if record.lines:
            self._head = record
            return None
        return self._event(record, None)

    def chunk(self, data: bytes, skip: Collection[int] = ()) -> Iterator[Event]:
        """Yield the events that the bytes of complete records make.

        Calls to EL3 whose function ids are in ``skip`` are counted, and nothing more.
        """
        for at in range(0, len(data), RECORD_BYTES):
            seq, kind, state, x0 = peek(data, at)
            if x0 in skip and kind == CALL and state == _REALM and not self._head:
                self.skipped += 1
                if seq == self._seq:
                    self._seq = seq + 1
                    continue
            record = unpack(data, at)
            if seq == self._seq and self._head is None and _is_whole(record):  # nearly always
                self._seq = seq + 1
                yield self._event(record, None)
                continue
            event = self.feed(record)
            if event is not None:
                yield event

    def _check(self, record: Record | Line) -> None:
        expected, self._seq = self._seq, record.seq + 1
        if record.seq == expected or expected is None:
            return
        gap = record.seq - expected
        # What a LOST record counts are the numbers just before its own.
        if isinstance(record, Record) and record.kind == LOST and gap == record.call:
            return
        raise TapError(f"record {record.seq} follows record {expected - 1}: {gap} are missing")

    def _line(self, line: Line) -> Event | None:
        head = self._head
        if head is None or line.call != head.seq:
            raise TapError(f"record {line.seq} is memory of record {line.call}, out of its place")
        self._lines.append(line)
        if len(self._lines) < head.lines:
            return None
        self._head, lines, self._lines = None, self._lines, []
        return self._event(head, _memory(head, lines))

    def _event(self, record: Record, memory: Memory | None) -> Event:
        if record.kind == CALL:
            call = Call(record, memory)
            if record.state != _REALM or record.x[0] not in _NEVER_RETURN:
                self._open[_caller(record)] = call
            return call
        if record.kind == RETURN:
            return Return(record, memory, self._close(record))
        if record.kind == LOST:
            self.lost += record.call
            return Lost(record.seq, record.time_ns, record.call)
        raise TapError(f"record {record.seq} is of unknown kind {record.kind}")

    def _close(self, record: Record) -> Call | None:
        call = self._open.pop(_caller(record), None)
        return call if call is not None and call.seq == record.call else None

    def under_way(self) -> list[Call]:
        """The calls that have not returned, oldest first."""
        return sorted(self._open.values(), key=lambda call: call.seq)


def _is_whole(record: Record | Line) -> TypeGuard[Record]:
    return isinstance(record, Record) and not record.lines


def _caller(record: Record) -> _Caller:
    """Who waits: a REC below R-EL2, else a CPU at one level in one security state."""
    inside = bool(record.rec) and record.level < 2
    return record.state, record.level, record.rec if inside else 0, -1 if inside else record.cpu


def _memory(record: Record, lines: list[Line]) -> Memory:
    """Put the lines together; those that are not there are zero."""
    base, data = lines[0].base, bytearray(record.span)
    for line in lines:
        data[line.addr - base : line.addr - base + len(line.data)] = line.data
    return Memory(Pa(base), bytes(data))


def assemble(records: Iterable[Record | Line]) -> Iterator[Event]:
    """Yield the events of records."""
    assembler = Assembler()
    for record in records:
        if (event := assembler.feed(record)) is not None:
            yield event


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole tap file, to be gone through any number of times in bounded memory.

    ``skip`` has function ids of calls to EL3 that are left out (``NO_NEWS``).
    """

    path: Path
    skip: Collection[int] = ()

    def header(self) -> Header:
        """What the file says about itself. Raises ``TapError``."""
        with TapFile(self.path) as file:
            return file.header()

    def __iter__(self) -> Iterator[Event]:
        """Yield all events; the last one is ``Lost`` if records are missing at the end.

        Raises ``TapError`` at the first record that is damaged or not there.
        """
        with TapFile(self.path) as file:
            assembler = Assembler()
            try:
                for data in file.chunks():
                    yield from assembler.chunk(data, self.skip)
            except TapError as problem:
                raise self._damaged(problem) from problem
            unmarked = file.header().lost - assembler.lost
            if unmarked > 0:
                yield Lost(0, 0, unmarked)

    def _damaged(self, problem: TapError) -> TapError:
        named = str(self.path) in problem.message
        return TapError(
            problem.message if named else f"{self.path}: {problem.message}",
            hint="what comes before that is whole, but the file is damaged, or was copied in part: "
            "copy it anew from where it was made",
        )
