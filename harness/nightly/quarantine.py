# SPDX-License-Identifier: BSD-3-Clause
"""Tests whose failures do not count for a while: an explicit list, each entry with its end.

::

    [[quarantine]]
    test = "testcases/rec/test_rec_pes.py::*"    # a test id, * and ? allowed
    cells = ["embedded / *"]                     # left out: every cell
    since = 2026-11-01
    until = 2026-11-30                           # the last day
    reason = "PE 3 is not woken; being mended"
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from harness.nightly.config import NightlyError

LONGEST_DAYS = 90
_NEEDED = {"test": str, "since": date, "until": date, "reason": str}
_KNOWN = (*_NEEDED, "cells")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; both days are included."""

    test: str
    cells: tuple[str, ...]
    since: date
    until: date
    reason: str

    def covers(self, cell: str, test: str) -> bool:
        """Whether it is about this test in this cell."""
        about = not self.cells or any(_like(cell, pattern) for pattern in self.cells)
        return about and _like(test, self.test)

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.until

    def complaint(self, today: date) -> str:
        """What is wrong with an entry that has expired."""
        days = (today - self.until).days
        return (
            f"quarantine of {self.test} ended on {self.until}, {days} day{'s' * (days != 1)} ago "
            f"({self.reason}): mend the test, or decide anew"
        )


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The whole list as of a day."""

    entries: tuple[Entry, ...]
    today: date

    def reason(self, cell: str, test: str) -> str:
        """Why a failure does not count today, or ""."""
        for entry in self.entries:
            current = entry.since <= self.today <= entry.until
            if current and entry.covers(cell, test):
                return f"{entry.reason} (until {entry.until})"
        return ""

    def complaints(self) -> list[str]:
        """One line for each entry that has expired: it is an error to keep it."""
        return [one.complaint(self.today) for one in self.entries if one.expired(self.today)]


def load_quarantine(file: Path, today: date) -> Quarantine:
    """Read the list; a missing file is an empty one. Raises NightlyError."""
    if not file.exists():
        return Quarantine((), today)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise NightlyError(f"{file} cannot be read: {problem}") from None
    rows = data.get("quarantine", [])
    tables = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if set(data) - {"quarantine"} or not tables:
        raise NightlyError(f"{file}: wants nothing but [[quarantine]]")
    return Quarantine(tuple(_entry(file, n, row) for n, row in enumerate(rows, 1)), today)


def _entry(file: Path, number: int, row: dict[str, Any]) -> Entry:
    where = f"{file}: entry {number}"
    for key in row:
        if key not in _KNOWN:
            raise NightlyError(f"{where}: {key} is not a key, only {', '.join(_KNOWN)}")
    for key, kind in _NEEDED.items():
        if type(row.get(key)) is not kind or row[key] == "":  # a moment is a date as well
            got = f"got {row[key]!r}" if key in row else "it is missing"
            raise NightlyError(f"{where}: {key} wants a {kind.__name__}, {got}")
    cells = row.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        raise NightlyError(f"{where}: cells wants a list of names, got {cells!r}")
    days = (row["until"] - row["since"]).days
    if not 0 <= days <= LONGEST_DAYS:
        raise NightlyError(
            f"{where}: from {row['since']} until {row['until']} are {days} days, wants 0 to "
            f"{LONGEST_DAYS}",
            hint="a quarantine is for a while; what stays broken is taken out or marked xfail",
        )
    return Entry(
        row["test"],
        tuple(cells),
        row["since"],
        row["until"],
        row["reason"],
    )


def _like(text: str, pattern: str) -> bool:
    """``*`` and ``?`` alone: ids have brackets, which fnmatch would take for a choice."""
    parts = [
        {"*": ".*", "?": "."}.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)
    ]
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None
