# SPDX-License-Identifier: BSD-3-Clause
"""What a report says of a night, gathered from the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.nightly.history import History
from harness.nightly.rows import CellRow, NightRow, ResultRow
from harness.report.changes import Change, find_changes

Group = Literal["new", "known", "flake", "host overload", "lab fault", "quarantined"]
GROUPS: tuple[Group, ...] = (
    "new",
    "known",
    "flake",
    "host overload",
    "lab fault",
    "quarantined",
)
COUNTS: tuple[Group, ...] = ("new", "known")
"""Groups that make a night fail."""

TREND_NIGHTS = 30
FIGURE_NIGHTS = 120
_PAST_SHOWN = 14
_OTHER_KINDS: tuple[Group, ...] = ("flake", "host overload", "lab fault")
_SILENT_OUTCOMES = ("not run", "skipped")
_SILENT_KINDS = ("host overload", "lab fault")

Past = tuple[str, str, str]
"""Night, outcome and kind of a test."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure, what it counts as, and what the test did in earlier nights (oldest first)."""

    result: ResultRow
    group: Group
    since: str
    """The night in which it began to fail like this."""
    nights: int
    """Nights in a row, this one included, without those that say nothing of the test."""
    past: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A night in the trend: numbers of tests by outcome, for everything and for each cell."""

    night: NightRow
    counts: dict[str, int]
    cells: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over the nights, oldest first, and its changes."""

    stack: str
    name: str
    unit: str
    nights: tuple[str, ...]
    medians: tuple[float, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that the pages are made of."""

    night: NightRow
    folder: Path
    cells: Sequence[CellRow]
    results: Sequence[ResultRow]
    failures: Sequence[Failure]
    fixed: Sequence[ResultRow]
    trend: Sequence[Point]
    series: Sequence[Series]
    coverage_page: str = ""
    complaints: Sequence[str] = field(default=())

    def group(self, name: Group) -> list[Failure]:
        """The failures of a group."""
        return [failure for failure in self.failures if failure.group == name]

    @property
    def bad_cells(self) -> list[CellRow]:
        """Cells that did not come to their end."""
        return [cell for cell in self.cells if cell.state != "done"]

    @property
    def good(self) -> bool:
        """Nothing failed that counts, and everything was run."""
        counting = any(self.group(name) for name in COUNTS)
        return not (counting or self.bad_cells or self.complaints)


def gather(history: History, folder: Path, night: str, coverage_page: str = "") -> ReportData:
    """Read a night and what is needed of those before it. Raises NightlyError."""
    row = history.night(night)
    results = history.results(night)
    return ReportData(
        night=row,
        folder=folder / night,
        cells=history.cells(night),
        results=results,
        failures=_failures(history, night, results),
        fixed=_fixed(history, row, results),
        trend=_trend(history, row),
        series=_series(history, row),
        coverage_page=coverage_page,
        complaints=_complaints(row),
    )


def _complaints(night: NightRow) -> list[str]:
    problems: dict[str, str] = night.facts.get("bench_problems", {})
    return [*night.facts.get("complaints", []), *(f"{p}" for p in problems.values())]


def _failures(history: History, night: str, results: Sequence[ResultRow]) -> list[Failure]:
    failed = [result for result in results if result.outcome == "failed"]
    found = []
    for cell in sorted({result.cell for result in failed}):
        ours = [result for result in failed if result.cell == cell]
        past = history.outcomes(cell, [result.test for result in ours], night)
        found += [_failure(result, night, past[result.test]) for result in ours]
    return sorted(found, key=lambda f: (GROUPS.index(f.group), f.nights, f.result.test))


def _failure(result: ResultRow, night: str, past: Sequence[Past]) -> Failure:
    """``past`` has the newest first."""
    like = _likeness(result.kind)
    since, nights = night, 1
    for earlier, outcome, kind in past:
        if outcome == "failed" and _likeness(kind) == like:
            since, nights = earlier, nights + 1
        elif _tells(outcome, kind):
            break
    if result.quarantine:
        group: Group = "quarantined"
    elif result.kind in _OTHER_KINDS:
        group = next(name for name in _OTHER_KINDS if name == result.kind)
    else:
        group = "known" if nights > 1 else "new"
    ran = [kind or outcome for _, outcome, kind in past if outcome != "not run"]
    return Failure(result, group, since, nights, tuple(ran[:_PAST_SHOWN][::-1]))


def _tells(outcome: str, kind: str) -> bool:
    """A test that was not run, or that the lab or a busy host ended, may be as it was before."""
    return outcome not in _SILENT_OUTCOMES and kind not in _SILENT_KINDS


def _likeness(kind: str) -> str:
    """What failures of one sort share; those that stay are all of the sort ``""``."""
    return kind if kind in _OTHER_KINDS else ""


def _fixed(history: History, night: NightRow, results: Sequence[ResultRow]) -> list[ResultRow]:
    """What passes tonight and failed for good in the last night that says anything of it."""
    passed = {(r.cell, r.test): r for r in results if r.outcome == "passed"}
    failed: dict[str, set[str]] = {}
    for earlier in _nights_until(history, night)[1 : TREND_NIGHTS + 1]:
        for cell, test in history.failed(earlier.id) & passed.keys():
            failed.setdefault(cell, set()).add(test)
    found = []
    for cell, tests in failed.items():
        outcomes = history.outcomes(cell, sorted(tests), night.id)
        found += [passed[cell, test] for test, past in outcomes.items() if _had_failed(past)]
    return sorted(found, key=lambda result: (result.cell, result.test))


def _had_failed(past: Sequence[Past]) -> bool:
    told = ((outcome, kind) for _, outcome, kind in past if _tells(outcome, kind))
    outcome, kind = next(told, ("", ""))
    return outcome == "failed" and not _likeness(kind)


def _nights_until(history: History, night: NightRow) -> list[NightRow]:
    """A night and those before it, the newest first."""
    return [one for one in history.nights(10_000) if one.started_s <= night.started_s]


def _trend(history: History, night: NightRow) -> list[Point]:
    points = []
    for one in _nights_until(history, night)[:TREND_NIGHTS][::-1]:
        cells = history.counts(one.id)
        total: dict[str, int] = {}
        for counts in cells.values():
            for outcome, number in counts.items():
                total[outcome] = total.get(outcome, 0) + number
        points.append(Point(one, total, cells))
    return points


def _series(history: History, night: NightRow) -> list[Series]:
    """Figures of the last nights: a curve of more cannot be read, and takes long to look at."""
    recent = {one.id for one in _nights_until(history, night)[:FIGURE_NIGHTS]}
    grouped: dict[tuple[str, str, str], list[tuple[str, float]]] = {}
    for row in history.bench(night.id):
        if row.night in recent:
            key = (row.stack, row.name, row.unit)
            grouped.setdefault(key, []).append((row.night, row.median))
    found = []
    for (stack, name, unit), points in grouped.items():
        nights, medians = zip(*points, strict=True)
        changes = tuple(find_changes(medians))
        found.append(Series(stack, name, unit, nights, medians, changes))
    return found
