# SPDX-License-Identifier: BSD-3-Clause
"""A pytest of nights that runs nothing: it writes the results that it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.nightly import cell
from harness.nightly.cell import RESULTS, Place
from harness.nightly.child import Ended
from harness.nightly.config import Cell
from harness.results import CRASHED, Phase, append, append_phase

START_S = 1000.0
NO_TESTS = 5
_VERDICTS = {"failed": "assertion", "lab": "lab"}

Run = Callable[[Path], Ended]
"""Writes a file of results and says how it ended."""


def ran(outcomes: Mapping[str, str]) -> Run:
    """Tests and what they did: passed, skipped, failed, lab (a fault of the lab), crash (of
    their worker), kills (the whole pytest) or interrupts (the nightly)."""

    def write(file: Path) -> Ended:
        append(file, "planned", tests=list(outcomes))
        for test, outcome in outcomes.items():
            append(file, "start", test=test, time_s=START_S)
            append_phase(file, Phase(test, "setup", "passed", 0.0, START_S))
            if outcome == "kills":
                return Ended(-9, over_budget=False)
            if outcome == "interrupts":
                raise KeyboardInterrupt
            for phase in _phases(test, outcome):
                append_phase(file, phase)
        status = int(any(outcome not in ("passed", "skipped") for outcome in outcomes.values()))
        append(file, "end", status=status if outcomes else NO_TESTS)
        return Ended(status, over_budget=False)

    return write


def _phases(test: str, outcome: str) -> list[Phase]:
    if outcome == "crash":
        return [Phase(test, CRASHED, "failed", 0.0, START_S, verdict="lab")]
    verdict = _VERDICTS.get(outcome, "")
    called = "failed" if verdict else outcome
    return [
        Phase(test, "call", called, 0.0, START_S, verdict=verdict),
        Phase(test, "teardown", "passed", 0.0, START_S),
    ]


@dataclass
class FakePytest:
    """In place of the pytest of attempts and reruns."""

    runs: list[Run]
    words: list[list[str]] = field(default_factory=list)
    budgets: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, monkeypatch: pytest.MonkeyPatch, *runs: Run) -> FakePytest:
        """Put it there; each run is used once."""
        fake = cls(list(runs))
        monkeypatch.setattr(cell, "run_pytest", fake)
        return fake

    def __call__(
        self, place: Place, one: Cell, kind: str, words: Sequence[str], budget_s: float
    ) -> Ended:
        self.words.append(list(words))
        self.budgets.append(budget_s)
        number = len(list(place.folder(one).glob(f"{kind}-*"))) + 1
        folder = place.folder(one) / f"{kind}-{number}"
        folder.mkdir(parents=True)
        return self.runs.pop(0)(folder / RESULTS)
