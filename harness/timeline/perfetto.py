# SPDX-License-Identifier: BSD-3-Clause
"""Rows as a trace in Chrome's JSON format, for Perfetto and chrome://tracing.

Format: "Trace Event Format": ``X`` are slices with a duration, ``i`` instants, ``M`` names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TextIO

from harness.timeline.callers import Caller
from harness.timeline.marks import Mark, Waiting
from harness.timeline.rows import Row
from harness.timeline.values import as_json

_LIFTED = ("seq", "time_ns", "duration_ns", "name", "family", "caller", "state", "level")


class _Tracks:
    """Numbers for processes (a PE, a realm) and threads (a caller)."""

    def __init__(self) -> None:
        self._groups: dict[str, int] = {}
        self._callers: dict[Caller, int] = {}

    def place(self, caller: Caller) -> tuple[int, int, list[dict[str, Any]]]:
        """Process, thread, and the events that name what is new."""
        named: list[dict[str, Any]] = []
        group = caller.group
        if group not in self._groups:
            self._groups[group] = len(self._groups) + 1
            named.append(_name("process_name", self._groups[group], 0, group))
        pid = self._groups[group]
        if caller not in self._callers:
            self._callers[caller] = len(self._callers) + 1
            named.append(_name("thread_name", pid, self._callers[caller], str(caller)))
        return pid, self._callers[caller], named


def _name(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": pid, "tid": tid, "args": {"name": name}}


def write_trace(
    rows: Iterable[Row], into: TextIO, start_ns: int, marks: Iterable[Mark] = ()
) -> int:
    """Write the trace while the rows pass; return how many events it has."""
    tracks, count = _Tracks(), 0
    waiting = Waiting(marks)
    into.write('{"displayTimeUnit": "ns", "traceEvents": [')
    for row in rows:
        for event in _events(row, tracks, start_ns, waiting):
            into.write((",\n" if count else "\n") + json.dumps(event))
            count += 1
    into.write("\n]}\n")
    return count


def _events(row: Row, tracks: _Tracks, start_ns: int, waiting: Waiting) -> list[dict[str, Any]]:
    if row.caller is None:
        text = f"{as_json(row)['lost']} records lost"
        return [_instant(text, row, start_ns, {})] if row.time_ns else []
    pid, tid, events = tracks.place(row.caller)
    told = as_json(row, start_ns)
    slice_ = {
        "ph": "X",
        "name": row.name,
        "cat": row.family + (",failed" if row.failed else ""),
        "pid": pid,
        "tid": tid,
        "ts": told["time_ns"] / 1000,
        "dur": (row.duration_ns or 0) / 1000,
        "args": {key: told[key] for key in told if key not in _LIFTED} | {"seq": row.seq},
    }
    events.append(slice_)
    for mark in waiting.take(row):
        title = f"{mark.kind}: {mark.title}"
        args = {"seq": mark.seq, "text": mark.text}
        events.append(_instant(title, row, start_ns, args) | {"pid": pid, "tid": tid})
    return events


def _instant(title: str, row: Row, start_ns: int, args: dict[str, Any]) -> dict[str, Any]:
    time_us = max(0, row.time_ns - start_ns) / 1000
    return {"ph": "i", "s": "g", "name": title, "pid": 0, "tid": 0, "ts": time_us, "args": args}
