# SPDX-License-Identifier: BSD-3-Clause
"""Places on a timeline that somebody should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

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
