# SPDX-License-Identifier: BSD-3-Clause
"""The portable link: frames on the console that the normal world shares with firmware.

A request stays open until its answer comes. It is sent again, under its number, when
the line was damaged or silent for too long; the monitor executes a number only once.
"""

from __future__ import annotations

import secrets

from harness.console import Console
from harness.deadline import Deadline
from harness.errors import (
    AlarmRaised,
    ConsoleClosed,
    ConsoleTimeout,
    FrameError,
    LinkTimeout,
)
from harness.link.base import Ticket, check_pe, still_under_way
from harness.link.boot import boot_deadline, boot_failed
from harness.link.frame import (
    ANSWER,
    DAMAGED,
    FRAME_PATTERN,
    WORKING,
    Frame,
    Request,
    decode,
    decode_answer,
    decode_working,
    encode_request,
)
from harness.link.ops import Link
from harness.link.protocol import READY_LINE, Reply

_RESEND_S = 0.5
_RESEND_LONGEST_S = 8.0
_ATTENTION_S = 0.2


class _Open:
    """A request without an answer: its bytes, and when to send them again."""

    def __init__(self, ticket: Ticket, raw: bytes) -> None:
        self.ticket = ticket
        self.raw = raw
        self.resend_s = _RESEND_S
        self.resend_at = Deadline.after(_RESEND_S)

    def put_off(self) -> None:
        """Wait twice as long until the next time."""
        self.resend_s = min(2 * self.resend_s, _RESEND_LONGEST_S)
        self.resend_at = Deadline.after(self.resend_s)


class SerialLink(Link):
    """The link over a console. Memory is read and written by the normal world itself."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._seq = secrets.randbits(31)
        self._open: dict[int, _Open] = {}
        self.resent = 0
        self.damaged = 0

    def hello(self, timeout_s: float | None = None) -> Reply:
        """Wait for the monitor's ready line, then greet it. Raises ``BootFailed``."""
        deadline = boot_deadline(timeout_s)
        try:
            if READY_LINE not in self._console.recent():
                self._console.expect(READY_LINE, deadline)
            self._console.alarms.check()
            return self._check_hello(deadline)
        except (ConsoleTimeout, ConsoleClosed, LinkTimeout, AlarmRaised) as problem:
            seen = self._console.describe()
            raise boot_failed(problem, deadline, self._console, seen) from problem

    def start(
        self,
        op: int,
        args: tuple[int, ...] = (),
        pe: int = 0,
        data: bytes = b"",
        answer_bytes: int = 0,
    ) -> Ticket:
        """See ``Channel.start``."""
        check_pe(pe)
        ticket = Ticket(pe, op, args, answer_bytes)
        if pe in self._open and not self.poll(self._open[pe].ticket):
            raise still_under_way(ticket, self._open[pe].ticket)
        self._seq = (self._seq + 1) & 0xFFFF_FFFF
        ticket.seq = self._seq
        raw = encode_request(Request(ticket.seq, pe, op, args, data))
        self._open[pe] = _Open(ticket, raw)
        self._console.send(raw)
        return ticket

    def poll(self, ticket: Ticket) -> bool:
        """See ``Channel.poll``."""
        while ticket.reply is None and self._step(Deadline.after(0)):
            pass
        return ticket.reply is not None

    def wait_for(self, ticket: Ticket, deadline: Deadline) -> Reply:
        """See ``Channel.wait_for``."""
        while ticket.reply is None:
            last_look = deadline.expired
            came = self._step(deadline.sooner(_ATTENTION_S))
            if last_look and not came:
                raise self._timed_out(ticket, deadline, self._describe())
        return ticket.reply

    def _step(self, deadline: Deadline) -> bool:
        """Handle the next frame, or what is due when none comes; tell whether one came."""
        try:
            raw = self._console.expect(FRAME_PATTERN.pattern, deadline).group(0)
        except ConsoleTimeout:
            self._resend(only_due=True)
            return False
        try:
            self._handle(decode(raw))
        except FrameError:
            self.damaged += 1
            self._resend(only_due=False)
        return True

    def _handle(self, frame: Frame) -> None:
        if frame.kind == ANSWER:
            answer = decode_answer(frame)
            waiting = self._open.get(answer.pe)
            # A late copy of an earlier answer is nothing to worry about.
            if waiting is not None and waiting.ticket.seq == answer.seq:
                del self._open[answer.pe]
                self._finish(waiting.ticket, answer.reply)
        elif frame.kind == WORKING:
            seq, pe = decode_working(frame)
            waiting = self._open.get(pe)
            if waiting is not None and waiting.ticket.seq == seq:
                waiting.put_off()
        elif frame.kind == DAMAGED:
            self.damaged += 1
            self._resend(only_due=False)

    def _resend(self, *, only_due: bool) -> None:
        """Send open requests again: those that are due, or all after damage on the line."""
        for waiting in self._open.values():
            if waiting.resend_at.expired or not only_due:
                self.resent += 1
                waiting.put_off()
                self._console.send(waiting.raw)

    def _describe(self) -> str:
        return (
            f"{self.resent} requests sent again, {self.damaged} damaged frames\n"
            f"{self._console.describe()}"
        )
