# SPDX-License-Identifier: BSD-3-Clause
"""The timeline as one HTML file that needs nothing else: no network, no other file.

The rows lie in it as columns, the decoded registers and structures in chunks that the page
unpacks when somebody looks at them; both compressed, since a run has 100,000 calls and more.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, results_hint
from harness.tap import State
from harness.timeline.callers import Caller
from harness.timeline.marks import Mark
from harness.timeline.rows import Row
from harness.timeline.text import row_text
from harness.timeline.values import as_json

MOST_ROWS = 150_000
"""Rows on one page; a browser still answers at once, and the file has some MB."""

_CHUNK = 1000
_SCRIPTS = ("model.js", "scene.js", "canvas.js", "pointer.js", "list.js", "detail.js", "main.js")
_FAILED, _ECHO, _OPEN = 1, 2, 4
_SHORTEST_ADDRESS = len("0x1000")


def write_page(
    path: Path,
    rows: Iterable[Row],
    *,
    title: str,
    start_ns: int = 0,
    facts: Mapping[str, str] | None = None,
    marks: Sequence[Mark] = (),
    most_rows: int = MOST_ROWS,
) -> int:
    """Write the page; return how many rows it has.

    Of more rows than ``most_rows`` it has the last ones, or those around the first mark, and
    says so. Raises HarnessError where the file cannot be written.
    """
    maker = _Maker(start_ns)
    window = _window((maker.encode(row) for row in rows), marks, most_rows)
    data = maker.columns(window.rows)
    data |= {"title": title, "facts": dict(facts or {}), "note": window.note()}
    data["marks"] = [mark.as_json() for mark in sorted(marks, key=lambda mark: mark.seq)]
    details = [row.detail for row in window.rows]
    chunks = [
        _packed(f"[{','.join(details[at : at + _CHUNK])}]") for at in range(0, len(details), _CHUNK)
    ]
    payload = {"chunk": _CHUNK, "columns": _packed(json.dumps(data)), "details": chunks}
    try:
        path.write_text(_fill(title, json.dumps(payload)), encoding="utf-8")
    except OSError as problem:
        raise HarnessError(
            f"{path} cannot be written: {problem.strerror}", hint=results_hint(problem)
        ) from problem
    return len(window.rows)


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A row as the page has it, without what it would keep alive."""

    numbers: tuple[int, ...]
    into: int
    text: str
    more: str
    detail: str

    @property
    def seq(self) -> int:
        return self.numbers[_COLUMNS.index("seq")]


_COLUMNS = ("lane", "name", "family", "time", "duration", "seq", "end", "flags")


@dataclass(slots=True)
class _Window:
    """The rows that a page has, and how many there are before and behind."""

    rows: list[_Encoded]
    before: int
    behind: int

    def note(self) -> str:
        if not self.before and not self.behind:
            return ""
        total = self.before + len(self.rows) + self.behind
        return (
            f"This page has {len(self.rows):,} of {total:,} calls: {self.before:,} before them "
            f"and {self.behind:,} behind them are not here. `cca trace` prints all."
        )


def _window(rows: Iterable[_Encoded], marks: Sequence[Mark], most: int) -> _Window:
    kept: deque[_Encoded] = deque(maxlen=most)
    first = min((mark.seq for mark in marks), default=None)
    before = behind = since = 0
    for row in rows:
        full = len(kept) == most
        if full and since >= most // 2:
            behind += 1
            continue
        before += full
        kept.append(row)
        if first is not None and row.seq >= first:
            since += 1
    return _Window(list(kept), before, behind)


@dataclass(slots=True)
class _Maker:
    """Numbers lanes, names and families as they come."""

    start_ns: int
    lanes: dict[Caller, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    families: dict[str, int] = field(default_factory=dict)

    def encode(self, row: Row) -> _Encoded:
        detail = as_json(row, self.start_ns)
        pending = row.answer is None and row.returns
        flags = _FAILED * row.failed | _ECHO * row.echo | _OPEN * pending
        numbers = (
            self._number(self.lanes, row.caller) if row.caller else -1,
            self._number(self.names, row.name),
            self._number(self.families, row.family or "LOST"),
            max(0, row.time_ns - self.start_ns),
            row.duration_ns or 0,
            *(row.seq, row.end_seq, flags),
        )
        into = -1
        if row.into is not None:
            into = self._number(self.lanes, Caller(State.REALM, 1, -1, row.into))
        more = " ".join(_addresses(detail))
        return _Encoded(numbers, into, row_text(row), more, json.dumps(detail))

    def _number(self, known: dict[Any, int], key: object) -> int:
        return known.setdefault(key, len(known))

    def columns(self, rows: Sequence[_Encoded]) -> dict[str, Any]:
        """Everything but the details, one list for each column."""
        found: dict[str, Any] = {
            name: [row.numbers[n] for row in rows] for n, name in enumerate(_COLUMNS)
        }
        found["text"] = [row.text for row in rows]
        found["more"] = {n: row.more for n, row in enumerate(rows) if row.more}
        found["into"] = [[n, row.into] for n, row in enumerate(rows) if row.into >= 0]
        found["lanes"] = [_lane(caller) for caller in self.lanes]
        found |= {"names": list(self.names), "families": list(self.families)}
        return found


def _lane(caller: Caller) -> dict[str, Any]:
    rec = caller.rec
    order = [1, rec.realm.number, rec.index or 0] if rec else [0, caller.cpu, caller.is_rmm]
    return {"label": str(caller), "order": order, "inside": rec is not None}


def _addresses(detail: Mapping[str, Any]) -> Iterator[str]:
    """Numbers of structures that may be looked for."""
    for key in ("structure", "return_structure"):
        for value in _leaves(detail.get(key, {}).get("fields", {})):
            if value.startswith("0x") and len(value) >= _SHORTEST_ADDRESS:
                yield value


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)


def _packed(text: str) -> str:
    """Compressed, the same bytes for the same text, in letters that HTML leaves alone."""
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


@cache
def _asset(name: str) -> str:
    return (files("harness.timeline") / "assets" / name).read_text(encoding="utf-8")


def _fill(title: str, data: str) -> str:
    """Put everything into the frame; what is filled in is not looked at again."""
    parts = {
        "title": escape(title),
        "style": _asset("page.css"),
        "script": "\n".join(_asset(name) for name in _SCRIPTS),
        "data": data,
    }
    frame = _asset("page.html").split("@@")
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(frame))
