# SPDX-License-Identifier: BSD-3-Clause
"""How an attempt at a cell ended: it is complete, its time is up, it is tried again, it failed.

Then how the cell itself did, once its failures were run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.nightly.child import Ended
from harness.nightly.config import Cell
from harness.nightly.rows import CellRow, ResultRow
from harness.results import Book

MOST_ATTEMPTS = 3
"""Attempts at a cell whose pytest is killed, or gives up because machines do not boot."""

_NO_TESTS = 5
_GOOD = (0, 1, _NO_TESTS)
_INTERNAL = (None, 3)
"""What a session that met an internal error has noted, as when a worker is killed while it is
being started; pytest itself may end with 1 or 3 then."""


def after_attempt(
    row: CellRow, ended: Ended, book: Book, cell: Cell, log_tail: str
) -> CellRow | None:
    """The cell as it is now, with its message; None if what is left is to be tried again."""
    left = book.unfinished()
    if ended.over_budget:
        return out_of_budget(row, cell)
    if book.status in _GOOD and not left:
        if book.status == _NO_TESTS and not book.planned:
            return replace(row, state="error", message="no test was selected")
        return replace(row, state="ran", message="")
    killed = ended.status < 0 or (book.status in _INTERNAL and ended.status in (1, 3))
    if row.attempts < MOST_ATTEMPTS and (killed or (book.results() and left)):
        return None
    how = f"pytest ended with status {ended.status}"
    if book.results():
        count = f"{len(left)} of {len(book.planned)} tests were not run, {how}"
        return replace(row, state="ran", message=f"{count}\n{log_tail}")
    return replace(row, state="error", message=f"{how}{_reason(log_tail)}\n{log_tail}")


def _reason(log_tail: str) -> str:
    """What pytest gave as the reason for not beginning: the first line is all that is listed."""
    found = [line for line in log_tail.splitlines() if line.startswith("ERROR: ")]
    return f": {found[0].removeprefix('ERROR: ')}" if found else ""


def out_of_budget(row: CellRow, cell: Cell) -> CellRow:
    """A cell whose time, or the night's, is up."""
    if row.attempts == 0:
        return replace(row, state="not run", message="the night's budget was used up before")
    message = f"the budget of {cell.budget_s / 60:g} min (or of the night) was used up"
    return replace(row, state="ran", message=message)


def not_prepared(row: CellRow, book: Book, problem: str) -> CellRow:
    """A cell whose stack cannot be built (any more); what earlier attempts did stays."""
    return replace(row, state="ran" if book.results() else "error", message=problem)


def after_reruns(row: CellRow, results: Sequence[ResultRow]) -> CellRow:
    """The cell at its very end: done; stopped with tests left; error if nothing was tested.

    Nothing was if every test failed by a fault of the lab, and passed in no rerun either.
    """
    if not results or any(result.outcome == "not run" for result in results):
        return replace(row, state="stopped")
    if any(_tested(result) for result in results):
        return replace(row, state="done")
    message = f"no test came to a result, each was a lab fault ({len(results)})"
    return replace(row, state="error", message=f"{message}\n{row.message}".rstrip())


def _tested(result: ResultRow) -> bool:
    return result.kind != "lab fault" or "passed" in result.reruns
