# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of a run covered, held against all cells and those a stack cannot reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.coverage.cells import Cell, Row, rows


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of cells: covered, reachable (covered ones included), out of reach."""

    covered: int
    reachable: int
    unreachable: int

    @property
    def percent(self) -> float:
        """Covered cells of those that can be reached; 100 if there are none."""
        return 100.0 * self.covered / self.reachable if self.reachable else 100.0

    def __str__(self) -> str:
        return f"{shown_percent(self.percent)} ({self.covered} of {self.reachable})"


def shown_percent(percent: float) -> str:
    """A percentage that is 100 only if nothing is missing."""
    return f"{min(percent, 99.9) if percent < 100 else percent:.1f} %"


@dataclass
class Tally:
    """Covered cells with the tests that covered them; ``out_of_reach`` gives reasons."""

    out_of_reach: Mapping[Cell, str] = field(default_factory=dict)
    tests: dict[Cell, list[str]] = field(default_factory=dict)

    def add(self, test: str, cells: Iterable[Cell]) -> None:
        """Book what one test covered."""
        for cell in cells:
            self.tests.setdefault(cell, []).append(test)

    def is_reachable(self, row: Row) -> bool:
        """Covered cells are reachable, whatever the file says."""
        return row.cell in self.tests or row.cell not in self.out_of_reach

    def totals(self, family: str | None = None) -> Totals:
        """Numbers of one family, or of all."""
        ours = [row for row in rows() if family in (None, row.family)]
        reachable = sum(self.is_reachable(row) for row in ours)
        covered = sum(row.cell in self.tests for row in ours)
        return Totals(covered, reachable, len(ours) - reachable)

    def families(self) -> list[str]:
        """The families in the tables' order."""
        return list(dict.fromkeys(row.family for row in rows()))

    def uncovered(self) -> list[Row]:
        """Reachable cells that no test covered."""
        return [row for row in rows() if row.cell not in self.tests and self.is_reachable(row)]

    def refuted(self) -> list[Cell]:
        """Covered cells that the file says cannot be reached."""
        return [cell for cell in self.out_of_reach if cell in self.tests]

    def as_json(self) -> dict[str, object]:
        """Everything, for tools."""
        return {
            "totals": {name: _numbers(self.totals(name)) for name in self.families()},
            "all": _numbers(self.totals()),
            "cells": [
                {
                    "family": row.family,
                    "command": row.cell.subject,
                    "condition": row.cell.case,
                    "answer": row.answer,
                    "tests": self.tests.get(row.cell, []),
                    "unreachable": "" if row.cell in self.tests else self._reason(row.cell),
                }
                for row in rows()
            ],
        }

    def _reason(self, cell: Cell) -> str:
        return self.out_of_reach.get(cell, "")


def _numbers(totals: Totals) -> dict[str, float]:
    return {
        "percent": totals.percent,
        "covered": totals.covered,
        "reachable": totals.reachable,
        "unreachable": totals.unreachable,
    }
