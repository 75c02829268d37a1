# SPDX-License-Identifier: BSD-3-Clause
"""What a reader of Chrome's JSON traces ("Trace Event Format") may rely on.

An object with ``traceEvents``; each event has a phase ``ph``, ``pid`` and ``tid``. ``X``
(complete) has a name and, in microseconds, ``ts`` and ``dur``; those of one thread lie inside
one another or apart. ``i`` (instant) has ``ts`` and a scope ``s``: global, process or thread.
``M`` (metadata) names a process or a thread that has events.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

_METADATA = {
    "process_name": "name",
    "thread_name": "name",
    "process_sort_index": "sort_index",
    "thread_sort_index": "sort_index",
}

Event = dict[str, Any]


def faults_of_trace(text: str) -> list[str]:
    """Everything that is wrong with a trace."""
    trace = json.loads(text)
    if trace.get("displayTimeUnit") not in ("ms", "ns"):
        return ["displayTimeUnit is neither ms nor ns"]
    events = trace["traceEvents"]
    found = [f"{fault}: {event}" for event in events for fault in _faults(event)]
    return found or [*_unnamed(events), *_overlaps(events)]


def _faults(event: Event) -> Iterator[str]:
    for key in ("pid", "tid"):
        if not isinstance(event.get(key), int):
            yield f"{key} is not a number"
    if not isinstance(event.get("name"), str) or not isinstance(event.get("args", {}), dict):
        yield "no name, or arguments that are no object"
    match event.get("ph"):
        case "X":
            yield from _times(event, "ts", "dur")
            if not isinstance(event.get("cat"), str):
                yield "no category"
        case "i":
            yield from _times(event, "ts")
            if event.get("s") not in ("g", "p", "t"):
                yield "no scope"
        case "M":
            if _METADATA.get(event["name"]) not in event.get("args", {}):
                yield "unknown metadata"
        case phase:
            yield f"unknown phase {phase}"


def _times(event: Event, *keys: str) -> Iterator[str]:
    for key in keys:
        value = event.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            yield f"{key} is no time"


def _unnamed(events: list[Event]) -> Iterator[str]:
    names = {(e["name"], e["pid"], e["tid"]) for e in events if e["ph"] == "M"}
    for event in events:
        pid, tid = event["pid"], event["tid"]
        if event["ph"] != "X":
            continue
        if ("process_name", pid, 0) not in names or ("thread_name", pid, tid) not in names:
            yield f"process {pid}, thread {tid} has no name"


def _overlaps(events: list[Event]) -> Iterator[str]:
    threads: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            start, took = round(event["ts"] * 1000), round(event["dur"] * 1000)
            threads[event["pid"], event["tid"]].append((start, start + took))
    for thread, slices in threads.items():
        open_until: list[int] = []
        for start, end in sorted(slices, key=lambda found: (found[0], -found[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            if open_until and end > open_until[-1]:
                yield f"slices of {thread} overlap at {start} ns"
            open_until.append(end)
