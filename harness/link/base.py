# SPDX-License-Identifier: BSD-3-Clause
"""Requests to the normal-world monitor and their answers, whatever carries them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from harness.deadline import Deadline
from harness.errors import LinkError, LinkTimeout
from harness.link.protocol import (
    MAGIC,
    MAX_PES,
    OP_HELLO,
    OP_SMC,
    STATUS_ABORT,
    STATUS_OK,
    VERSION,
    Reply,
    describe_call,
    describe_result,
    status_name,
)

_LOG_ENTRIES = 256
CALL_TIMEOUT_S = 10.0

_T = TypeVar("_T")

Observer = Callable[[int, tuple[int, ...], tuple[int, ...]], None]
"""Called after every SMC with PE, arguments (x0 first) and results (x0 first)."""


class LoggedCall(NamedTuple):
    """One finished call; ``time_s`` is monotonic."""

    time_s: float
    pe: int
    op: int
    args: tuple[int, ...]
    reply: Reply

    def __str__(self) -> str:
        call = describe_call(self.op, self.args)
        return f"PE {self.pe}: {call} -> {describe_result(self.op, self.args, self.reply)}"


Watcher = Callable[[LoggedCall], None]
"""Called after every request, whatever it is and however it ended."""


class Ticket:
    """One request that was handed to a PE, and its answer once that is there."""

    __slots__ = ("answer_bytes", "args", "booked", "op", "pe", "reply", "seq")

    def __init__(self, pe: int, op: int, args: tuple[int, ...], answer_bytes: int = 0) -> None:
        self.pe = pe
        self.op = op
        self.args = args
        self.answer_bytes = answer_bytes
        self.seq = 0
        self.booked = True
        self.reply: Reply | None = None

    def __str__(self) -> str:
        return f"{describe_call(self.op, self.args)} on PE {self.pe}"


class Pending(Generic[_T]):
    """A call under way on one PE. ``wait`` may be called again after a ``LinkTimeout``."""

    def __init__(self, link: Channel, ticket: Ticket, convert: Callable[[Reply], _T]) -> None:
        self._link = link
        self._ticket = ticket
        self._convert = convert

    def __str__(self) -> str:
        return str(self._ticket)

    def done(self) -> bool:
        """Whether the answer is there. Never blocks for long."""
        return self._ticket.reply is not None or self._link.poll(self._ticket)

    def wait(self, timeout_s: float = CALL_TIMEOUT_S) -> _T:
        """Return the result. Raises ``LinkTimeout``, and what ends a machine."""
        reply = self._ticket.reply
        if reply is None:
            reply = self._link.wait_for(self._ticket, Deadline.after(timeout_s))
        return self._convert(accept(self._ticket, reply))


class Channel(ABC):
    """A way to the monitor. One thread at a time; several PEs may be busy at once.

    Raises ``LinkTimeout`` when no answer came, ``LinkError`` when the monitor refused,
    ``AlarmRaised`` and ``MachineDied`` as soon as these are known.
    """

    def __init__(self) -> None:
        self.log: deque[LoggedCall] = deque(maxlen=_LOG_ENTRIES)
        self.observers: list[Observer] = []
        self.watchers: list[Watcher] = []
        self.calls = 0

    @abstractmethod
    def start(
        self,
        op: int,
        args: tuple[int, ...] = (),
        pe: int = 0,
        data: bytes = b"",
        answer_bytes: int = 0,
    ) -> Ticket:
        """Hand a request to a PE; raises ``LinkError`` if that PE is off or still busy.

        ``answer_bytes`` is how much data the answer carries.
        """

    @abstractmethod
    def poll(self, ticket: Ticket) -> bool:
        """Take the answer if it is there, and tell whether it is."""

    @abstractmethod
    def wait_for(self, ticket: Ticket, deadline: Deadline) -> Reply:
        """Wait for the answer and return it, whatever its status."""

    @abstractmethod
    def hello(self, timeout_s: float | None = None) -> Reply:
        """Wait until the monitor serves requests, at most as long as ``boot_deadline`` says.

        Raises ``BootFailed`` if it does not come, ``MachineDied`` if the machine ends.
        """

    def call(
        self,
        op: int,
        args: tuple[int, ...] = (),
        pe: int = 0,
        timeout_s: float = CALL_TIMEOUT_S,
        data: bytes = b"",
        answer_bytes: int = 0,
    ) -> Reply:
        """Run one request to its end and return the answer, an ABORT included.

        Raises ``LinkError`` for any other status than OK and ABORT.
        """
        ticket = self.start(op, args, pe, data, answer_bytes)
        return accept(ticket, self.wait_for(ticket, Deadline.after(timeout_s)))

    def smc(
        self, fid: int, *args: int, pe: int = 0, timeout_s: float = CALL_TIMEOUT_S
    ) -> tuple[int, ...]:
        """Execute an SMC and return x0..x7."""
        return self.call(OP_SMC, (fid, *args), pe, timeout_s).values

    def smc_each(
        self, calls: Sequence[tuple[int, ...]], *, pe: int = 0, stop_at_failure: bool = False
    ) -> list[tuple[int, ...]]:
        """Execute SMCs one after the other; returns x0..x7 of each that was executed.

        ``calls`` hold x0 (the function id) and its arguments. With ``stop_at_failure`` the
        first one whose x0 is not 0 afterwards is the last. They are booked one by one,
        whether a link sends them singly or, as the mailbox does, together.
        """
        done: list[tuple[int, ...]] = []
        for call in calls:
            done.append(self.smc(*call, pe=pe))
            if stop_at_failure and done[-1][0] != 0:
                break
        return done

    def start_smc(self, fid: int, *args: int, pe: int = 0) -> Pending[tuple[int, ...]]:
        """Begin an SMC on a PE and return at once; ``wait`` gives x0..x7."""
        return Pending(self, self.start(OP_SMC, (fid, *args), pe), lambda reply: reply.values)

    def _finish(self, ticket: Ticket, reply: Reply) -> Reply:
        """Take the answer to a request, and book it."""
        ticket.reply = reply
        if ticket.booked:
            self._book(ticket, reply)
        return reply

    def _book(self, ticket: Ticket, reply: Reply) -> None:
        """Tell everybody who wants to know of a finished call."""
        self.calls += 1
        entry = LoggedCall(time.monotonic(), ticket.pe, ticket.op, ticket.args, reply)
        self.log.append(entry)
        for watch in self.watchers:
            watch(entry)
        if self.observers and ticket.op == OP_SMC:
            for observe in self.observers:
                observe(ticket.pe, ticket.args, reply.values)

    def _timed_out(self, ticket: Ticket | str, deadline: Deadline, seen: str) -> LinkTimeout:
        """Build the error for a request that stays without an answer."""
        calls = "\n".join(f"  {line}" for line in self.last_calls(5)) or "  (none)"
        return LinkTimeout(
            f"the monitor did not answer {ticket} in {deadline.timeout_s:g} s\n"
            f"last finished calls:\n{calls}\n{seen}",
            hint="the call hangs in firmware, or the PE does not run",
        )

    def last_calls(self, count: int = 10) -> list[str]:
        """Return the last finished calls, oldest first, one line each."""
        return [str(entry) for entry in list(self.log)[-count:]]

    def _check_hello(self, deadline: Deadline) -> Reply:
        ticket = self.start(OP_HELLO)
        reply = accept(ticket, self.wait_for(ticket, deadline))
        if reply.values[0] != MAGIC or reply.values[1] != VERSION:
            raise LinkError(
                f"the monitor says magic {reply.values[0]:#x} version {reply.values[1]}, "
                f"wanted {MAGIC:#x} version {VERSION}",
                hint="the monitor was built from other tables: build the stack again",
            )
        return reply


def still_under_way(
    wanted: Ticket, running: Ticket, started_by: str = "start_smc() or start_program()"
) -> LinkError:
    """The error of a request to a PE that has not answered the last one."""
    return LinkError(
        f"{wanted} is not possible: {running} is still under way",
        hint=f"wait() for what {started_by} returned",
    )


def accept(ticket: Ticket, reply: Reply) -> Reply:
    """Return an answer if it is OK or ABORT, raise ``LinkError`` otherwise."""
    if reply.status in (STATUS_OK, STATUS_ABORT):
        return reply
    raise LinkError(
        f"the monitor refused {ticket}: {status_name(reply.status)}",
        hint="the arguments are outside of what monitor.toml allows",
    )


def check_pe(pe: int) -> None:
    """Raise ``LinkError`` for a PE that no mailbox exists for."""
    if not 0 <= pe < MAX_PES:
        raise LinkError(f"PE {pe} does not exist: the monitor serves 0 to {MAX_PES - 1}")


def chunks(address: int, size_bytes: int, most_bytes: int) -> Iterator[tuple[int, int]]:
    """Split a range into pieces of at most ``most_bytes``: (address, size)."""
    for offset in range(0, size_bytes, most_bytes):
        yield address + offset, min(most_bytes, size_bytes - offset)
