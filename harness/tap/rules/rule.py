# SPDX-License-Identifier: BSD-3-Clause
"""What a rule is, and what its violation is: values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from harness.tap.events import Call, Event, Return
from harness.tap.rules.books import Books

_SHOWN_EVENTS = 8


class Side(StrEnum):
    """Who has to keep a rule."""

    HOST = "host"
    RMM = "rmm"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken. ``first`` is the number of the event where it began."""

    rule: str
    side: Side
    source: str
    first: int
    explanation: str
    events: tuple[Event, ...] = ()

    def __str__(self) -> str:
        shown = [f"  {event}" for event in self.events[:_SHOWN_EVENTS]]
        head = f"{self.rule} ({self.side} rule, {self.source}), from #{self.first} on:"
        return "\n".join([head, *(f"  {line}" for line in self.explanation.splitlines()), *shown])


Found = Iterable[Violation]


class Rule:
    """One rule. A new object has seen nothing; ``books`` are as before the event.

    ``watches`` names the commands whose CALLs and RETURNs the rule wants, ``realm`` says
    that it also wants the SMCs of realms, ``always`` that it must see them even while it does
    not hold, for it cannot do without the past.
    """

    name: ClassVar[str]
    side: ClassVar[Side]
    source: ClassVar[str]
    says: ClassVar[str]
    watches: ClassVar[tuple[str, ...]] = ()
    realm: ClassVar[bool] = False
    always: ClassVar[bool] = False

    def call(self, call: Call, books: Books) -> Found:
        """The host or the RMM makes a call."""
        del call, books
        return ()

    def back(self, seen: Return, books: Books) -> Found:
        """A call whose CALL is known has returned."""
        del seen, books
        return ()

    def of_realm(self, event: Call | Return, books: Books) -> Found:
        """A realm made an SMC, or goes on behind it."""
        del event, books
        return ()

    def lost(self) -> None:
        """Records are missing: forget what may have changed."""

    def end(self, books: Books) -> Found:
        """Nothing more is to come, or a test is over."""
        del books
        return ()

    def broken(self, explanation: str, *events: Event, first: int | None = None) -> Violation:
        """Make the value; the first event is the earliest of those involved."""
        number = min(event.seq for event in events) if first is None else first
        return Violation(self.name, self.side, self.source, number, explanation, events)
