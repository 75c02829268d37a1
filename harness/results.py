# SPDX-License-Identifier: BSD-3-Clause
"""What each test of a run did, as JSON lines that are complete even if the run is killed.

The plugin appends, whoever asked for the file reads. One object a line, ``event`` says which:

* ``planned``: ``tests``, the ids that are going to run;
* ``start``: a test begins (``test``, ``worker``, ``time_s``);
* ``phase``: setup, call or teardown of a test has ended (see ``Phase``);
* ``stack``: ``hash`` and ``versions`` of what boots;
* ``end``: the session ended by itself, with pytest's ``status``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE_VARIABLE = "CCA_RESULTS"
"""Names the file that the plugin appends to."""

CRASHED = "???"
"""xdist's name for the phase in which a worker died."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of one test. Times are seconds; ``start_s`` counts from the epoch.

    ``outcome`` is passed, failed, skipped, xfailed, xpassed, or "lab fault" for an attempt on a
    board that does not count (``harness.plugin.lab_faults``). The rest is of failures:
    ``verdict`` as in ``failure.json``, ``folder`` with the artefacts, ``timeline`` if there is
    one, ``again`` the command, ``load`` what the host did, ``deadline`` "yes" if one was missed.
    ``covered`` are ABI cells.
    """

    test: str
    phase: str
    outcome: str
    duration_s: float
    start_s: float
    worker: str = ""
    text: str = ""
    verdict: str = ""
    folder: str = ""
    timeline: str = ""
    again: str = ""
    load: dict[str, float] = field(default_factory=dict)
    deadline: str = ""
    covered: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    """A test that has ended: the phase that decided, and the time of all of them."""

    test: str
    outcome: str
    duration_s: float
    start_s: float
    decided_by: Phase
    covered: tuple[tuple[str, ...], ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it counts as failed before anybody looked at it."""
        return self.outcome == "failed"


@dataclass(slots=True)
class Book:
    """Everything read from one file, or from several of the same cell."""

    planned: list[str] = field(default_factory=list)
    phases: dict[str, list[Phase]] = field(default_factory=dict)
    stack: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    """pytest's exit status; None if it did not come to its end."""
    began_s: float | None = None
    """When the first test began, in seconds since the epoch; None if none did."""

    def results(self) -> dict[str, Result]:
        """Tests that have ended, by id."""
        return {t: _result(found) for t, found in self.phases.items() if _ended(found)}

    def unfinished(self) -> list[str]:
        """Tests that were planned, or begun, and did not end."""
        done = self.results()
        return [t for t in dict.fromkeys([*self.planned, *self.phases]) if t not in done]


def append(path: Path, event: str, **facts: object) -> None:
    """Add one line in one write: readers see whole lines, or the torn last one of a kill."""
    line = json.dumps({"event": event, **facts}) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(line)


def append_phase(path: Path, phase: Phase) -> None:
    """Add a phase; what is empty is left out."""
    facts = asdict(phase)
    needed = ("test", "phase", "outcome", "duration_s", "start_s")
    append(path, "phase", **{k: v for k, v in facts.items() if v or k in needed})


def read(paths: Iterable[Path]) -> Book:
    """Read files in the order in which they were written; a later run of a test counts."""
    book = Book()
    for path in paths:
        fresh: dict[str, list[Phase]] = {}
        book.status = None
        for row in _rows(path):
            _take(book, fresh, row)
        book.phases |= fresh
    return book


def _take(book: Book, fresh: dict[str, list[Phase]], row: dict[str, Any]) -> None:
    match row.pop("event", ""):
        case "planned":
            book.planned = list(dict.fromkeys([*book.planned, *row["tests"]]))
        case "start":
            fresh[row["test"]] = []
            book.began_s = min(row["time_s"], book.began_s or row["time_s"])
        case "phase":
            fresh.setdefault(row["test"], []).append(Phase(**row))
        case "stack":
            book.stack = row
        case "end":
            book.status = row["status"]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # the last line of a process that was killed
            continue
        if isinstance(row, dict):
            yield row


def _ended(phases: list[Phase]) -> bool:
    return any(phase.phase in ("teardown", CRASHED) for phase in phases)


_WEIGHT = ("lab fault", "passed", "skipped", "xfailed", "xpassed", "failed")


def _result(phases: list[Phase]) -> Result:
    """The worst phase decides; of several failures the first."""
    deciding = max(phases, key=lambda phase: _WEIGHT.index(phase.outcome))
    covered = tuple(tuple(cell) for phase in phases for cell in phase.covered)
    return Result(
        deciding.test,
        "passed" if deciding.outcome == "xpassed" else deciding.outcome,
        sum(phase.duration_s for phase in phases),
        min(phase.start_s for phase in phases),
        deciding,
        covered,
    )
