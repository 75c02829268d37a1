# SPDX-License-Identifier: BSD-3-Clause
"""Places on a timeline that somebody should look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from harness.tap import Event, Return
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

    @property
    def events(self) -> Sequence[Event]:
        """What it is about; the last one is where it was noticed. May be empty."""


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
    """Marks of what rules found, where they noticed it, in the order of the recording."""
    return sorted(map(_mark, violations), key=lambda mark: mark.seq)


def _mark(found: Violation) -> Mark:
    last = found.events[-1] if found.events else None
    seq = last.seq if last else found.first
    call = last.call if isinstance(last, Return) else None
    began = "" if found.first in (seq, call.seq if call else seq) else f" (began at #{found.first})"
    return Mark(seq, VIOLATION, found.rule, found.explanation + began)


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
