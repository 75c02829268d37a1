# SPDX-License-Identifier: BSD-3-Clause
"""Places on a timeline that somebody should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from harness.timeline.rows import Row

Kind = Literal["violation", "failed test"]
VIOLATION: Kind = "violation"
FAILED: Kind = "failed test"


class Violation(Protocol):
    """What a rule says of events that break it (``harness.tap.rules.Violation``)."""

    @property
    def rule(self) -> str:
        """The rule's name."""

    @property
    def first(self) -> int:
        """Number of the event where it began."""

    @property
    def explanation(self) -> str:
        """What is wrong."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something about the call that the event ``seq`` belongs to."""

    seq: int
    kind: Kind
    title: str
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a dict."""
        return asdict(self)


def violation_marks(violations: Iterable[Violation]) -> list[Mark]:
    """Marks of what rules found, in the order of the recording."""
    marks = [Mark(found.first, VIOLATION, found.rule, found.explanation) for found in violations]
    return sorted(marks, key=lambda mark: mark.seq)


class Waiting:
    """Marks that look for their row while the rows pass."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._left = sorted(marks, key=lambda mark: mark.seq)

    def take(self, row: Row) -> list[Mark]:
        """The marks of a row: of its call, of its return, or of something just before it."""
        found = [m for m in self._left if m.seq <= row.seq or m.seq == row.end_seq]
        self._left = [mark for mark in self._left if mark not in found]
        return found

    def rest(self) -> list[Mark]:
        """The marks of what came after all rows."""
        return self._left
