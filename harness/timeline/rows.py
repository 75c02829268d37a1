# SPDX-License-Identifier: BSD-3-Clause
"""One row for each call, in the order of the calls, made while the events pass by.

A row waits for its return; a few thousand rows wait at most. A call that takes longer than
that is given out as it is, and its return becomes a row of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.abi.codec import Value
from harness.tap import Call, Event, Lost, Return, State
from harness.timeline.callers import Caller, Census, Realm, Rec
from harness.timeline.exits import Handling, entry_text, exit_text
from harness.types import Pa

MOST_WAITING = 4096

_COMPLETE = "RMM_RMI_REQ_COMPLETE"
_NO_RETURN = {
    *(_COMPLETE, "RMM_BOOT_COMPLETE"),
    *("PSCI_CPU_OFF", "PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET"),
}


@dataclass(slots=True)
class Row:
    """A call and what came of it; or a return whose call is not here; or a loss."""

    event: Event
    caller: Caller | None
    realm: Realm | None = None
    """The realm that it is about, or that made it."""
    answer: Return | None = None
    entry: str = ""
    """RMI_REC_ENTER: what the host brings, and what it did since the exit before."""
    exit: str = ""
    """RMI_REC_ENTER: why the REC was left. Calls of realms: the exit before the return."""
    echo: bool = False
    """A call of the RMM that hands over exactly what the RMI call then returned."""
    closed: bool = False
    """Nothing more will be known."""
    into: Rec | None = None
    """RMI_REC_ENTER: the REC that ran."""
    exits: list[int] = field(default_factory=list)

    @property
    def seq(self) -> int:
        """Number of the event that opened the row."""
        return self.event.seq

    @property
    def time_ns(self) -> int:
        """Host's clock of that event."""
        return self.event.time_ns

    @property
    def end_seq(self) -> int:
        """Number of the return, or of the call where there is none."""
        return self.answer.seq if self.answer else self.event.seq

    @property
    def duration_ns(self) -> int | None:
        """From call to return."""
        return self.answer.duration_ns if self.answer else None

    @property
    def name(self) -> str:
        """The command."""
        if isinstance(self.event, Lost):
            return "LOST"
        return self.event.name or "RETURN"

    @property
    def family(self) -> str:
        """As of the command; "" for a loss."""
        return "" if isinstance(self.event, Lost) else self.event.family

    @property
    def args(self) -> dict[str, Value]:
        """The inputs."""
        return self.event.args if isinstance(self.event, Call) else {}

    @property
    def returns(self) -> bool:
        """Whether a call like this comes back to its caller."""
        return self.name not in _NO_RETURN

    @property
    def failed(self) -> bool:
        """Whether a status that tells of a failure came back."""
        return self.answer is not None and is_failure(self.answer)


def is_failure(answer: Return) -> bool:
    """Whether x0 tells of a failure. RMI and RSI count from 0, all others below 0."""
    if answer.family in ("RMI", "RSI"):
        return not answer.ok
    return bool(answer.x[0] >> 31 & 1)


class RowMaker:
    """Takes events in order; gives out rows in order."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self.census = Census()
        self._handling = Handling()
        self._most = most_waiting
        self._waiting: deque[Row] = deque()
        self._open: dict[Caller, Row] = {}
        self._completed: dict[int, Row] = {}

    def feed(self, event: Event) -> Iterator[Row]:
        """Take one event; yield the rows that are finished."""
        match event:
            case Call():
                self._waiting.append(self._call(event))
            case Return():
                self._return(event)
            case Lost():
                self._waiting.append(Row(event, None, closed=True))
        while self._waiting and (self._waiting[0].closed or len(self._waiting) > self._most):
            yield self._out()

    def finish(self) -> Iterator[Row]:
        """Yield what is left: calls under way, and finished ones behind them."""
        while self._waiting:
            yield self._out()

    def _out(self) -> Row:
        row = self._waiting.popleft()
        if row.caller is not None and self._open.get(row.caller) is row:
            del self._open[row.caller]  # it is told: its return becomes a row of its own
        row.exit = row.exit or _left(row.exits)
        return row

    def _call(self, call: Call) -> Row:
        caller = self.census.caller(call)
        before = self._open.get(caller)
        if before is not None:
            before.closed = True
        row = Row(call, caller, caller.rec.realm if caller.rec else self.census.realm_of(call))
        self._open[caller] = row
        if caller.state != State.NON_SECURE:
            if call.name == _COMPLETE:
                self._completed[call.cpu] = row
            return row
        if call.name == "RMI_REC_ENTER":
            brought = (entry_text(call.structure), self._handling.entered(call))
            row.entry = ", ".join(text for text in brought if text)
        else:
            self._handling.called(call)
        return row

    def _return(self, event: Return) -> None:
        caller = self.census.caller(event)
        row = self._open.pop(caller, None)
        self.census.observe(event)
        if event.name == "RMI_REC_DESTROY" and event.ok and event.call is not None:
            self._bury(event.call)
        if row is None or event.call is None or row.seq != event.call.seq:
            if row is not None:
                row.closed = True
            self._waiting.append(Row(event, caller, closed=True))
            return
        row.answer, row.closed = event, True
        row.realm = row.realm or self.census.realm_of(event.call)
        row.exit = exit_text(event)
        if caller.state == State.NON_SECURE:
            self._match(event)
        if row.name == "RMI_REC_ENTER" and event.ok:
            row.into = self.census.rec(Pa(event.call.x[1]))
            self._handling.returned(event, row.realm.rd if row.realm else None)
            for inside in self._inside(event.call):
                inside.exits.append(row.seq)

    def _inside(self, call: Call) -> list[Row]:
        """What the REC that an RMI call names in x1 has under way."""
        return [
            row for caller, row in self._open.items() if caller.rec and caller.rec.pa == call.x[1]
        ]

    def _bury(self, call: Call) -> None:
        """A REC is gone: what it had under way never returns."""
        for row in self._inside(call):
            row.closed = True
            assert row.caller is not None
            del self._open[row.caller]

    def _match(self, event: Return) -> None:
        """Compare what the RMM handed to EL3 with what arrived in the normal world."""
        given = self._completed.pop(event.cpu, None)
        if given is not None and isinstance(given.event, Call):
            given.echo = given.event.x[1:6] == event.x[:5]
            given.closed = True


def _left(exits: list[int]) -> str:
    if not exits:
        return ""
    more = f" and {len(exits) - 1} more" if len(exits) > 1 else ""
    return f"through exit #{exits[0]}{more}"


def rows(events: Iterable[Event], most_waiting: int = MOST_WAITING) -> Iterator[Row]:
    """Yield the rows of events."""
    maker = RowMaker(most_waiting)
    for event in events:
        yield from maker.feed(event)
    yield from maker.finish()
