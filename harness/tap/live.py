# SPDX-License-Identifier: BSD-3-Clause
"""The tap of a machine that runs: everything since a point in time, and what comes next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.tap.events import Call, Event, Return
from harness.tap.file import TapFile
from harness.tap.filters import ANY, Where, calls, returns
from harness.tap.layout import Header
from harness.tap.stream import Assembler

_POLL_S = 0.001
_SHOWN = 8

_T = TypeVar("_T", Call, Return)


class TapTimeout(HarnessError):
    """The event that was waited for did not come."""

    verdict = "assertion"


def _nothing() -> None:
    """There is no machine to ask."""


class Tap:
    """The events of a tap file from a point on: when this object was made, or ``begin()``.

    ``wait_for`` goes through them in order, each once, as ``expect`` does on a console;
    ``events`` and its kin look at all of them, any number of times. ``check`` raises when
    waiting has become pointless (``Machine.check``).
    """

    def __init__(
        self, path: Path, check: Callable[[], None] = _nothing, *, from_start: bool = False
    ) -> None:
        self.path = path
        self._check = check
        self._first = 0
        self._next = 0
        self._assembler = Assembler()
        self._recent: deque[Event] = deque(maxlen=_SHOWN)
        if not from_start:
            self.begin()

    @property
    def first(self) -> int:
        """Index of the record that this view begins with."""
        return self._first

    def header(self) -> Header:
        """What the file says about itself now."""
        with TapFile(self.path) as file:
            return file.header()

    def begin(self) -> None:
        """Forget what was: events count from now on."""
        self._first = self._next = self.header().records
        self._assembler = Assembler()
        self._recent.clear()

    def events(self) -> Iterator[Event]:
        """Yield all events since the beginning of this view, up to this moment."""
        assembler = Assembler()
        with TapFile(self.path) as file:
            for record in file.records(self._first):
                if (event := assembler.feed(record)) is not None:
                    yield event

    def calls(self, where: Where | str = ANY) -> list[Call]:
        """The calls since the beginning of this view that are as wanted."""
        return list(calls(self.events(), _where(where)))

    def returns(self, where: Where | str = ANY) -> list[Return]:
        """The returns since the beginning of this view that are as wanted."""
        return list(returns(self.events(), _where(where)))

    def last(self, count: int = 12) -> list[Event]:
        """The last events of this view, oldest first."""
        return list(deque(self.events(), maxlen=count))

    def wait_for(self, where: Where | str, timeout_s: float = 10.0) -> Call:
        """Return the next call that is as wanted. Raises ``TapTimeout``."""
        return self._wait(Call, _where(where), Deadline.after(timeout_s))

    def wait_for_return(self, where: Where | str, timeout_s: float = 10.0) -> Return:
        """Return the next return that is as wanted. Raises ``TapTimeout``."""
        return self._wait(Return, _where(where), Deadline.after(timeout_s))

    def _wait(self, kind: type[_T], where: Where, deadline: Deadline) -> _T:
        with TapFile(self.path) as file:
            while True:
                for event in self._new(file):
                    if isinstance(event, kind) and where.matches(event):
                        return event
                self._check()
                if deadline.expired:
                    raise self._timeout(kind, where, deadline)
                time.sleep(_POLL_S)

    def _new(self, file: TapFile) -> Iterator[Event]:
        """Yield what was not looked at yet; what is not taken stays for the next time."""
        for record in file.records(self._next):
            self._next += 1
            if (event := self._assembler.feed(record)) is not None:
                self._recent.append(event)
                yield event

    def _timeout(self, kind: type[Call | Return], where: Where, deadline: Deadline) -> TapTimeout:
        shown = "\n".join(f"  {event}" for event in self._recent) or "  (nothing)"
        pending = "\n".join(f"  {call}" for call in self._assembler.under_way()) or "  (none)"
        return TapTimeout(
            f"the tap saw no {kind.__name__.lower()} of {where} in {deadline.timeout_s:g} s\n"
            f"seen last:\n{shown}\nunder way:\n{pending}",
            hint=f"everything is in {self.path}",
        )


def _where(where: Where | str) -> Where:
    return Where(name=where) if isinstance(where, str) else where
