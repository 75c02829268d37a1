# SPDX-License-Identifier: BSD-3-Clause
"""The failures of a cell run again, each alone on a fresh machine.

What a rerun did and how long it took is in its folder alone: reruns that an interrupt or a kill
cut short are gone on with, and their time is not given twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.deadline import Deadline
from harness.nightly import cell as cells
from harness.nightly.cell import LEAST_S, RESULTS, Place
from harness.nightly.child import Ended
from harness.nightly.config import Cell
from harness.results import CRASHED, Book, Phase, read

_KIND = "rerun"


def spent_s(place: Place, cell: Cell) -> float:
    """Seconds of the reruns so far."""
    return sum(cells.span_s(folder) for folder in cells.folders(place, cell, _KIND))


def run_again(
    place: Place, cell: Cell, tests: Sequence[str], rounds: int, deadline: Deadline
) -> dict[str, list[Phase]]:
    """Run tests again; one that passes is not run a third time.

    Returns the deciding phase of each rerun, those of earlier calls too. ``deadline`` is for all
    rounds together.
    """
    found = _earlier(place, cell, tests)
    for done in range(rounds):
        left = [
            test
            for test, phases in found.items()
            if len(phases) == done and all(phase.outcome == "failed" for phase in phases)
        ]
        for test, phase in _round(place, cell, left, deadline).items():
            found[test].append(phase)
    return found


def _earlier(place: Place, cell: Cell, tests: Sequence[str]) -> dict[str, list[Phase]]:
    books = [read([folder / RESULTS]).results() for folder in cells.folders(place, cell, _KIND)]
    return {test: [book[test].decided_by for book in books if test in book] for test in tests}


def _round(place: Place, cell: Cell, tests: Sequence[str], deadline: Deadline) -> dict[str, Phase]:
    """Run each test once. One that ends pytest itself has failed; another pytest runs the rest."""
    ended: dict[str, Phase] = {}
    left = list(tests)
    while left and deadline.remaining_s >= LEAST_S:
        words = ["-n", "0", "--fresh-machine", *left]
        pytest = cells.run_pytest(place, cell, _KIND, words, deadline.remaining_s)
        book = read([cells.folders(place, cell, _KIND)[-1] / RESULTS])
        results = book.results()
        ended |= {test: results[test].decided_by for test in left if test in results}
        cut_off = [test for test in left if test in book.phases and test not in results]
        if book.status is not None or pytest.over_budget or not cut_off:
            break
        ended |= {test: _crash(test, book, pytest) for test in cut_off}
        left = [test for test in left if test not in ended]
    return ended


def _crash(test: str, book: Book, pytest: Ended) -> Phase:
    """What a test did whose process ended before it: nobody was left to report it."""
    return Phase(
        test=test,
        phase=CRASHED,
        outcome="failed",
        duration_s=0.0,
        start_s=min((phase.start_s for phase in book.phases[test]), default=0.0),
        verdict="lab",
        text=f"pytest ended with status {pytest.status} while it ran this test",
    )
