# SPDX-License-Identifier: BSD-3-Clause
"""What the tap recorded of a failed test: its last calls, and its timeline in its folder."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from harness.errors import HarnessError
from harness.plugin.judging import Trial
from harness.plugin.tapping import Watch
from harness.tap import Tap, TapFile
from harness.timeline import (
    FAILED,
    RECORDING,
    VIOLATION,
    Choice,
    Mark,
    Row,
    Span,
    as_json,
    line,
    mark_text,
    rows,
    violation_marks,
    write_page,
)

PAGE, LINES = "timeline.html", "timeline.jsonl"


class Watched(Protocol):
    """A machine whose calls were recorded, if it has a tap, and judged."""

    @property
    def watch(self) -> Watch | None:
        """The tap."""

    @property
    def trial(self) -> Trial | None:
        """The judge."""


def timeline_facts(
    folder: Path, running: Watched, test: str, reason: str, most_calls: int
) -> dict[str, object]:
    """Write the timeline of a test so far; return what ``failure.json`` says of it.

    ``last_calls`` are the tap's, so that those of realms and of the RMM are among them; they
    stay the link's where there is no tap, or its recording cannot be read.
    """
    if running.watch is None:
        return {}
    try:
        span, last_seq = _span(running.watch.tap, test, reason)
        broken = violation_marks(running.trial.found()) if running.trial else []
        span.marks[:0] = broken
        facts = _facts(folder, span, most_calls)
        facts[RECORDING] = _where(span, last_seq, broken)
        return facts
    except (HarnessError, OSError) as problem:
        return {"timeline": f"not made: {problem}"}


def _facts(folder: Path, span: Span, most_calls: int) -> dict[str, object]:
    start_ns = span.header().monotonic_ns
    lines: deque[str] = deque(maxlen=most_calls)
    broken = next((mark for mark in span.marks if mark.kind == VIOLATION), None)
    until_seq = broken.seq if broken else None
    with (folder / LINES).open("w", encoding="utf-8") as file:
        write_page(
            folder / PAGE,
            _told(span, file, lines, start_ns, until_seq),
            title=span.title,
            start_ns=start_ns,
            facts={"recording": str(span.path)},
            marks=span.marks,
        )
    calls = list(lines) or ["(the tap saw none)"]
    if broken:
        calls.append(mark_text(broken))
    return {"last_calls": calls, "timeline": str(folder / PAGE)}


def _where(span: Span, last_seq: int, broken: Sequence[Mark]) -> dict[str, object]:
    """Where the test's part of the recording is, and which rules were broken in it."""
    return {
        "file": str(span.path),
        "first_record": span.first,
        "records": (span.until or span.first) - span.first,
        "last_seq": last_seq,
        "violations": [mark.as_json() for mark in broken],
    }


def _told(
    span: Span, file: TextIO, lines: deque[str], start_ns: int, until_seq: int | None
) -> Iterator[Row]:
    """Pass the rows on, and note them on the way; as lines up to where a rule was broken."""
    wanted = Choice()
    for row in rows(span):
        file.write(json.dumps(as_json(row, start_ns)) + "\n")
        if wanted(row) and (until_seq is None or row.seq <= until_seq):
            lines.append(line(row, start_ns))
        yield row


def _span(tap: Tap, test: str, reason: str) -> tuple[Span, int]:
    """What was recorded since the test began, up to now, and the number of the last record."""
    with TapFile(tap.path) as file:
        until = file.count()
        last = next(file.records(until - 1)).seq if until > tap.first else 0
    first_line = next(iter(reason.strip().splitlines()), "")
    marks = [Mark(last, FAILED, test, first_line)] if last else []
    return Span(tap.path, test, tap.first, until, marks), last
