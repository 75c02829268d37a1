# SPDX-License-Identifier: BSD-3-Clause
"""A row as one line for a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from harness.tap import Call, Event, Lost, Return
from harness.timeline.choose import Choice
from harness.timeline.marks import Mark
from harness.timeline.rows import Row, rows
from harness.timeline.values import shown

_INDENT = "  "
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"))


def duration(time_ns: int | None) -> str:
    """``1.2 ms``, "" for no time."""
    if time_ns is None:
        return ""
    for size, unit in _UNITS:
        if time_ns >= size:
            many = time_ns >= 1000 * size
            return f"{time_ns // size} {unit}" if many else f"{time_ns / size:.3g} {unit}"
    return f"{time_ns} ns"


def call_text(row: Row) -> str:
    """``RMI_VERSION(req=0x10000)``; nothing of its result."""
    event = row.event
    if isinstance(event, Lost):
        return f"{event.count} records were lost here"
    if isinstance(event, Return):
        if event.call is None:
            return f"return to {event.pc:#x}"
        return f"return of #{event.call.seq} {event.call.describe()}"
    return f"{event.name}({', '.join(f'{k}={shown(v)}' for k, v in row.args.items())})"


def answer_text(row: Row) -> str:
    """What came back: status, results, the exit; "" where nothing can be said."""
    answer = row.answer or (row.event if isinstance(row.event, Return) else None)
    if answer is None:
        if isinstance(row.event, Lost) or not row.returns:
            return row.exit
        return f"no return {row.exit}".rstrip()
    results = ", ".join(f"{k}={shown(v)}" for k, v in answer.results.items())
    parts = [str(answer.status), f"({results})" if results else "", row.exit]
    return " ".join(part for part in parts if part)


def row_text(row: Row) -> str:
    """The call, what it brings and what came back."""
    answer = answer_text(row)
    entry = f" [{row.entry}]" if row.entry else ""
    missing = row.event.missing if isinstance(row.event, Call | Return) else ""
    note = f" ({missing})" if missing else ""
    return call_text(row) + entry + (f" → {answer}" if answer else "") + note


def line(row: Row, start_ns: int = 0) -> str:
    """Number, seconds since ``start_ns``, PE, duration, realm, then the call.

    The call is indented by who makes it: a host, the RMM, a REC. The realm's number is also
    there where the host's call is about a realm; ``?`` is one whose creation was not seen.
    """
    if isinstance(row.event, Lost):
        return f"{row.seq:>7} {'':>12} {'':>3} {'':>8} {'':>5}  !! {row_text(row)}"
    assert row.caller is not None
    rec = row.caller.rec
    depth = 2 if rec else 1 if row.caller.is_rmm else 0
    who = f"{rec}: " if rec else ""
    realm = (row.realm.number or "?") if row.realm else ""
    seconds = (row.time_ns - start_ns) / 1e9
    took = duration(row.duration_ns)
    return (
        f"{row.seq:>7} {seconds:>12.6f} {row.event.cpu:>3} {took:>8} {realm:>5}  "
        f"{_INDENT * depth}{who}{row_text(row)}"
    )


def mark_text(mark: Mark) -> str:
    """What is said below the line of the call that a mark is about."""
    return f"        ^^ {mark.kind}: {mark.title}: {mark.text}".rstrip(": ")


HEADING = f"{'#':>7} {'seconds':>12} {'cpu':>3} {'duration':>8} {'realm':>5}  call"
"""What the columns of :func:`line` are."""


def last_lines(events: Iterable[Event], count: int, start_ns: int = 0) -> list[str]:
    """The last rows of events; what the RMM hands over only where it is not what came back."""
    wanted = Choice()
    last = deque((row for row in rows(events) if wanted(row)), maxlen=count)
    return [line(row, start_ns) for row in last]
