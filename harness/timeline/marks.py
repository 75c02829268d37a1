# SPDX-License-Identifier: BSD-3-Clause
"""Places on a timeline that somebody should look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from harness.tap import Event


class Violation(Protocol):
    """What a rule says of an event that breaks it."""

    @property
    def rule(self) -> object:
        """The rule; its text is its name."""

    @property
    def event(self) -> Event:
        """Where it was noticed."""

    @property
    def explanation(self) -> str:
        """What is wrong."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something about the call that the event ``seq`` belongs to."""

    seq: int
    kind: Literal["violation", "failed test"]
    title: str
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """As a dict."""
        return asdict(self)


def violation_marks(violations: Iterable[Violation]) -> list[Mark]:
    """Marks of what rules found, in the order of the recording."""
    marks = [
        Mark(found.event.seq, "violation", str(found.rule), found.explanation)
        for found in violations
    ]
    return sorted(marks, key=lambda mark: mark.seq)
