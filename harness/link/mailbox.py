# SPDX-License-Identifier: BSD-3-Clause
"""The fast link: one mailbox per PE in memory that harness and machine share.

An answer takes about 30 microseconds, less than the shortest nap that Linux gives (timer
slack). So the wait begins with giving the core away and asking again: whoever has work,
the virtual CPU first of all, goes on at once, and on an idle core the answer is seen as it
comes. That is so only if the machine gives way too (``images/tap/yields.c``): a virtual CPU
that spins would keep the core. Measured on two cores, the bare-metal test cases with two
workers: 33 s so, 51 s with naps alone. Later, and with other machines from the beginning,
the wait is a nap at a time; naps grow, and between them the machine is asked for its health.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from harness.abi import codec
from harness.console import Console
from harness.deadline import Deadline
from harness.elf import ElfFile
from harness.errors import AlarmRaised, LinkError, LinkTimeout, StackError
from harness.link.base import CALL_TIMEOUT_S, Ticket, accept, check_pe, still_under_way
from harness.link.batch import BATCH_CALLS, batch_program
from harness.link.boot import boot_deadline, boot_failed
from harness.link.ops import Link
from harness.link.protocol import (
    ARG_COUNT,
    BLOCK_BYTES,
    MAILBOX,
    MAX_PES,
    OP_PROGRAM,
    OP_SMC,
    PE_OFF,
    READY_LINE,
    STATUS_OK,
    Reply,
    mailbox_formats,
)
from harness.machine.ram import GuestRam, RamError
from harness.machine.stuck import StuckWatch
from harness.types import MASK64, Pa

_LAYOUT = codec("MonitorMailbox")
_OP_AT = _LAYOUT.offset("op")
_STATUS_AT = _LAYOUT.offset("status")
_DATA_AT = _LAYOUT.offset("data")
_REQUEST_WORD = _LAYOUT.offset("request_seq") // 4
_RESPONSE_WORD = _LAYOUT.offset("response_seq") // 4
_STATE_WORD = _LAYOUT.offset("pe_state") // 4
_REQUEST, _ANSWER = mailbox_formats()
_PADDING = tuple((0,) * n for n in range(ARG_COUNT + 1))
_SYMBOL = "mailboxes"

_YIELDS = 2000
_FIRST_NAP_S = 1e-6
_NAP_GROWTH = 1.2
_LONGEST_NAP_S = 2e-3
_CHECK_AFTER_NAPS = 16
_BANNER_S = 0.5


class MailboxHost(Protocol):
    """What the link needs of a machine; ``harness.machine.Machine`` has it."""

    @property
    def ram(self) -> GuestRam: ...
    @property
    def consoles(self) -> Mapping[str, Console]: ...
    def check(self) -> None: ...
    @property
    def stuck_watch(self) -> StuckWatch: ...
    @property
    def gives_way(self) -> bool: ...
    def describe(self) -> str: ...


class _Box:
    """One PE's mailbox: a byte view, the same as 32-bit words, and the request in it."""

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.words = view.cast("I")
        self.seq = 0
        self.open: Ticket | None = None

    def answered(self) -> bool:
        return self.words[_RESPONSE_WORD] == self.seq

    def release(self) -> None:
        self.words.release()
        self.view.release()


class MailboxLink(Link):
    """The link through shared RAM. ``read`` and ``write`` reach every world's memory."""

    def __init__(self, machine: MailboxHost, elf: Path | int) -> None:
        """``elf`` is the monitor's ELF file, or the address of its mailboxes."""
        super().__init__()
        base = elf if isinstance(elf, int) else ElfFile(elf).symbol(_SYMBOL).address
        self._machine = machine
        self._ram = machine.ram
        try:
            views = [
                self._ram.view(base + pe * MAILBOX.size, MAILBOX.size) for pe in range(MAX_PES)
            ]
        except RamError as problem:
            raise StackError(
                f"the monitor's mailboxes at {base:#x} are out of reach: {problem.message}",
                hint="is machine.memory too small, or host.elf not the monitor's?",
            ) from problem
        self._boxes = [_Box(view) for view in views]
        self.batch_area: Pa | None = None
        """Normal-world memory of ``BATCH_BYTES`` that ``smc_each`` may use."""
        self._new_seqs()

    def _new_seqs(self) -> None:
        """Start behind what an earlier link on this machine has left."""
        for box in self._boxes:
            box.seq = box.words[_RESPONSE_WORD]

    def hello(self, timeout_s: float | None = None) -> Reply:
        """Wait for the monitor's ready line, then greet it. Raises ``BootFailed``."""
        deadline = boot_deadline(timeout_s)
        console = self._machine.consoles["ns"]
        try:
            if not self._await(self._served_or_stuck, deadline):
                raise LinkTimeout("it never served its mailbox")
            if not self._served():
                raise LinkTimeout("it never served its mailbox, and nothing moves any more")
            # The ready line closes the boot log: once it is here, so is every boot alarm.
            self._await(lambda: READY_LINE in console.recent(), deadline.sooner(_BANNER_S))
            self._machine.check()
            self._new_seqs()
            return self._check_hello(deadline)
        except (LinkTimeout, AlarmRaised) as problem:
            seen = self._machine.describe()
            raise boot_failed(problem, deadline, console, seen) from problem

    def _served(self) -> bool:
        return self._boxes[0].words[_STATE_WORD] != PE_OFF

    def _served_or_stuck(self) -> bool:
        return self._served() or self._machine.stuck_watch.stuck()

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
        box = self._boxes[pe]
        if box.open is not None or (pe and box.words[_STATE_WORD] == PE_OFF):
            self._require_free(box, ticket)
        if data:
            if len(data) > BLOCK_BYTES:
                raise LinkError(f"{ticket}: {len(data)} bytes are more than {BLOCK_BYTES}")
            box.view[_DATA_AT : _DATA_AT + len(data)] = data
        padding = _PADDING[ARG_COUNT - len(args)]
        try:
            _REQUEST.pack_into(box.view, _OP_AT, op, *args, *padding)
        except struct.error:  # a negative argument
            args64 = [arg & MASK64 for arg in args]
            _REQUEST.pack_into(box.view, _OP_AT, op, *args64, *padding)
        box.open = ticket
        box.seq = (box.seq + 1) & 0xFFFF_FFFF
        box.words[_REQUEST_WORD] = box.seq  # from here on the PE may see it
        return ticket

    def _require_free(self, box: _Box, wanted: Ticket) -> None:
        if box.open is not None:
            if not box.answered():
                raise still_under_way(wanted, box.open)
            self._take(box)
        if wanted.pe and box.words[_STATE_WORD] == PE_OFF:
            raise LinkError(f"{wanted} is not possible: it is off", hint="cpu_on() first")

    def _take(self, box: _Box) -> Reply:
        """Read the answer out of a mailbox and free it."""
        ticket, box.open = box.open, None
        assert ticket is not None
        words: tuple[int, ...] = _ANSWER.unpack_from(box.view, _STATUS_AT)
        count = ticket.answer_bytes
        data = bytes(box.view[_DATA_AT : _DATA_AT + count]) if count else b""
        reply = Reply(words[0], words[1:9], words[9], words[10], words[11], words[12], data)
        return self._finish(ticket, reply)

    def poll(self, ticket: Ticket) -> bool:
        """See ``Channel.poll``."""
        box = self._boxes[ticket.pe]
        if ticket.reply is None and box.answered():
            self._take(box)
        return ticket.reply is not None

    def wait_for(self, ticket: Ticket, deadline: Deadline) -> Reply:
        """See ``Channel.wait_for``."""
        if ticket.reply is not None:
            return ticket.reply
        box = self._boxes[ticket.pe]
        if not self._await(box.answered, deadline):
            raise self._timed_out(ticket, deadline, self._machine.describe())
        return self._take(box)

    def _await(self, ready: Callable[[], bool], deadline: Deadline) -> bool:
        """Wait for a condition, False if it does not come; raises what ends a machine."""
        for _ in range(_YIELDS if self._machine.gives_way else 0):
            if ready():
                return True
            os.sched_yield()
        nap_s, naps = _FIRST_NAP_S, 0
        while not ready():
            if deadline.expired:
                return False
            naps += 1
            if naps % _CHECK_AFTER_NAPS == 0:
                self._machine.check()
            time.sleep(nap_s)
            nap_s = min(nap_s * _NAP_GROWTH, _LONGEST_NAP_S)
        return True

    def smc_each(
        self, calls: Sequence[tuple[int, ...]], *, pe: int = 0, stop_at_failure: bool = False
    ) -> list[tuple[int, ...]]:
        """See ``Channel.smc_each``: here up to ``BATCH_CALLS`` make one request."""
        if self.batch_area is None or len(calls) < 2:
            return super().smc_each(calls, pe=pe, stop_at_failure=stop_at_failure)
        done: list[tuple[int, ...]] = []
        for first in range(0, len(calls), BATCH_CALLS):
            batch = calls[first : first + BATCH_CALLS]
            done += self._run_batch(self.batch_area, batch, pe, stop_at_failure)
            if len(done) < first + len(batch):
                break
        return done

    def _run_batch(
        self, area: Pa, calls: Sequence[tuple[int, ...]], pe: int, stop_at_failure: bool
    ) -> list[tuple[int, ...]]:
        program = batch_program(area, calls, stop_at_failure=stop_at_failure)
        self.write(program.at, program.encode())
        ticket = self.start(OP_PROGRAM, (area,), pe)
        ticket.booked = False
        reply = accept(ticket, self.wait_for(ticket, Deadline.after(CALL_TIMEOUT_S)))
        done = list(self._program_result(program, reply).results)
        for call, values in zip(calls, done, strict=False):
            self._book(Ticket(pe, OP_SMC, call), Reply(STATUS_OK, values))
        return done

    def read(self, pa: int, size_bytes: int) -> bytes:
        """Return bytes of RAM, whichever world they belong to."""
        return self._ram.read(pa, size_bytes)

    def write(self, pa: int, data: bytes) -> None:
        """Store bytes into RAM, whichever world they belong to."""
        self._ram.write(pa, data)

    def close(self) -> None:
        """Give the windows into RAM back. Idempotent."""
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            box.release()
