# SPDX-License-Identifier: BSD-3-Clause
"""Choosing events: by name, caller, outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.tap.events import Call, Event, Return
from harness.tap.layout import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What an event must be like; what is not given may be anything.

    ``name`` is a command's, ``*`` and ``?`` stand for any letters: ``"RMI_RTT_*"``.
    ``status`` is that of a return, and chooses returns only. ``also`` is asked last.
    """

    name: str = "*"
    family: str | None = None
    cpu: int | None = None
    state: State | None = None
    level: int | None = None
    rec: int | None = None
    status: str | None = None
    also: Callable[[Call | Return], bool] | None = None

    def matches(self, event: Event) -> bool:
        """Tell whether an event is like this; losses never are."""
        if not isinstance(event, Call | Return) or not self._caller(event):
            return False
        if self.status is not None and not self._ended(event):
            return False
        if self.family is not None and event.family != self.family:
            return False
        if self.name != "*" and not fnmatchcase(event.name, self.name):
            return False
        return self.also is None or self.also(event)

    def _caller(self, event: Call | Return) -> bool:
        record = event.record
        wanted = (
            (self.cpu, record.cpu),
            (self.state, record.state),
            (self.level, record.level),
            (self.rec, record.rec),
        )
        return all(want is None or want == seen for want, seen in wanted)

    def _ended(self, event: Call | Return) -> bool:
        return isinstance(event, Return) and event.status.name == self.status

    def __str__(self) -> str:
        given = [
            f"{field}={value}"
            for field in ("family", "cpu", "state", "level", "rec", "status", "also")
            if (value := getattr(self, field)) is not None
        ]
        return " ".join([self.name, *given])


ANY = Where()


def select(events: Iterable[Event], where: Where) -> Iterator[Event]:
    """Yield the events that are as wanted."""
    return (event for event in events if where.matches(event))


def returns(events: Iterable[Event], where: Where = ANY) -> Iterator[Return]:
    """Yield the returns that are as wanted: each has its call."""
    return (event for event in events if isinstance(event, Return) and where.matches(event))


def calls(events: Iterable[Event], where: Where = ANY) -> Iterator[Call]:
    """Yield the calls that are as wanted."""
    return (event for event in events if isinstance(event, Call) and where.matches(event))
