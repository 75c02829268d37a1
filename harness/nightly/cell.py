# SPDX-License-Identifier: BSD-3-Clause
"""One cell of a night: its pytest runs, and what they did.

::

    cells/embedded-full/attempt-1/   results.jsonl, pytest.log, runs/  (attempt-2 after a kill)
    cells/embedded-full/rerun-1/     the same, for failures (see ``reruns``)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.artifacts import safe_name
from harness.nightly.child import Ended, run_child
from harness.nightly.config import Cell, unwritable
from harness.nightly.ledger import rule
from harness.nightly.quarantine import Quarantine
from harness.nightly.rows import ResultRow
from harness.results import FILE_VARIABLE, Book, Phase, Result, read

RESULTS = "results.jsonl"
LOG = "pytest.log"
LEAST_S = 5.0
"""With less than this left nothing is begun."""

_LOG_LINES = 15
_LONGEST_TEXT = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a cell of a night runs, and with what."""

    checkout: Path
    night: str
    night_folder: Path
    workers: str
    seed: int

    def folder(self, cell: Cell) -> Path:
        """The folder of a cell."""
        return self.night_folder / "cells" / safe_name(cell.name)


def run_pytest(place: Place, cell: Cell, kind: str, words: Sequence[str], budget_s: float) -> Ended:
    """Run pytest in the next folder of its kind: attempt or rerun."""
    number = len(folders(place, cell, kind)) + 1
    folder = place.folder(cell) / f"{kind}-{number}"
    try:
        folder.mkdir(parents=True)
    except OSError as problem:
        raise unwritable(folder, problem) from problem
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"--hypothesis-seed={place.seed}", f"--stack={cell.stack}"]
    command += [f"--set={setting}" for setting in cell.settings]
    command += [f"--runs={folder / 'runs'}", *cell.arguments, *words]
    environment = {FILE_VARIABLE: str(folder / RESULTS)}
    return run_child(command, place.checkout, folder / LOG, budget_s, environment)


def folders(place: Place, cell: Cell, kind: str) -> list[Path]:
    """Folders of a kind so far, the oldest first."""
    return sorted(
        place.folder(cell).glob(f"{kind}-*"), key=lambda path: int(path.name.rpartition("-")[2])
    )


def run_attempt(place: Place, cell: Cell, budget_s: float) -> Ended:
    """Run what has not ended in earlier attempts."""
    earlier = [folder / RESULTS for folder in folders(place, cell, "attempt")]
    words = [f"--continue-from={file}" for file in earlier]
    workers = ["-n", place.workers, "--dist", "worksteal"]
    tests = list(cell.tests) or ["testcases"]
    return run_pytest(place, cell, "attempt", [*workers, *words, *tests], budget_s)


def read_attempts(place: Place, cell: Cell) -> Book:
    """What all attempts of a cell did together."""
    return read(folder / RESULTS for folder in folders(place, cell, "attempt"))


def span_s(folder: Path) -> float:
    """Seconds of a pytest that nobody was left to book: from its first test to its last write.

    Consoles and recordings count: in a test that waits they are all that is written.
    """
    began_s = read([folder / RESULTS]).began_s
    return max(0.0, _last_write_s(folder) - began_s) if began_s is not None else 0.0


def _last_write_s(folder: Path) -> float:
    """When a file in there was last written to, in seconds since the epoch; 0 without any."""
    times_s = [0.0]
    for inner, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # a worker outlives its pytest, and tidies up
                times_s.append(Path(inner, name).lstat().st_mtime)
    return max(times_s)


def log_tail(place: Place, cell: Cell) -> str:
    """The last lines of the last attempt's log."""
    made = folders(place, cell, "attempt")
    if not made or not (made[-1] / LOG).exists():
        return ""
    lines = (made[-1] / LOG).read_text("utf-8", "replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])


def result_rows(place: Place, cell: Cell, book: Book, quarantine: Quarantine) -> list[ResultRow]:
    """The rows of a cell; tests that were planned and did not end are "not run"."""
    rows = [_row(place, cell, result, quarantine) for result in book.results().values()]
    rows += [
        ResultRow(night=place.night, cell=cell.name, test=test, outcome="not run")
        for test in book.unfinished()
    ]
    return rows


def ruled(row: ResultRow, failure: Phase, reruns: Sequence[Phase]) -> ResultRow:
    """A failure with the ledger's ruling."""
    ruling = rule(failure, reruns)
    outcomes = tuple(again.outcome for again in reruns)
    return replace(row, kind=ruling.kind, why=ruling.why, reruns=outcomes)


def _row(place: Place, cell: Cell, result: Result, quarantine: Quarantine) -> ResultRow:
    phase = result.decided_by
    why_not = quarantine.reason(cell.name, result.test) if result.failed else ""
    return ResultRow(
        night=place.night,
        cell=cell.name,
        test=result.test,
        outcome=result.outcome,
        phase=phase.phase if result.failed else "",
        duration_s=result.duration_s,
        start_s=result.start_s,
        worker=phase.worker,
        verdict=phase.verdict,
        text=phase.text[-_LONGEST_TEXT:],
        folder=_relative(phase.folder, place.night_folder),
        timeline=_relative(phase.timeline, place.night_folder),
        again=phase.again,
        quarantine=why_not,
    )


def _relative(path: str, folder: Path) -> str:
    """Inside the night's folder, so that the folder can be moved or published."""
    if path and Path(path).is_relative_to(folder):
        return str(Path(path).relative_to(folder))
    return path
