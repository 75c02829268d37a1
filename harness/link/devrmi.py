# SPDX-License-Identifier: BSD-3-Clause
"""The link through ``/dev/rmi`` of a Linux host: ``rmi-agent`` at the other end of a byte pipe.

The normal world is a kernel that must live on: what only a bare-metal host can do (touch any
address, take faults, program timers) is refused here with ``LinkCannot`` and its reason.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from harness.abi import codec, tables
from harness.deadline import Deadline
from harness.errors import BootFailed, HarnessError, LinkCannot, LinkError
from harness.link.base import CALL_TIMEOUT_S, Ticket, accept, check_pe, chunks, still_under_way
from harness.link.ops import Link, require_ok
from harness.link.protocol import (
    MAGIC,
    OP_CPU_ON,
    OP_FILL,
    OP_HELLO,
    OP_READ_BLOCK,
    OP_SMC,
    OP_WRITE_BLOCK,
    STATUS_ABORT,
    STATUS_OK,
    VERSION,
    Reply,
    op_name,
)
from harness.types import GRANULE_BYTES, MASK64

_T = tables()
_AGENT = _T.enum("RmiAgentOp")
_AGENT_MAGIC = _T.constants["RMI_AGENT_MAGIC"].to_bytes(8, "little")
_DATA_BYTES = _T.constants["RMI_AGENT_DATA_BYTES"]
_REQUEST = codec("RmiAgentRequest")
_ANSWER = codec("RmiAgentAnswer")
_ANSWER_BYTES = _ANSWER.layout.size
_X = struct.Struct("<8Q")
_STOP_AT_FAILURE = 1
_BATCH_CALLS = 1024
_HELLO_TIMEOUT_S = 30.0
_LANES = 8
_MEMORY_LANE = _LANES - 1
"""Memory is accessible while a REC runs on PE 0."""

_MEMORY_OPS = (OP_READ_BLOCK, OP_WRITE_BLOCK, OP_FILL)
_INVALID_PARAMETERS = MASK64 - 1  # PSCI
_ATTENTION_S = 0.2

_REASONS = {
    errno.EPERM: "it names memory that is the host kernel's",
    errno.EOPNOTSUPP: "the module does not know this call",
    errno.ENODEV: "the host has no such CPU",
    errno.EINVAL: "the host has no such CPU",
}


class Pipe(Protocol):
    """Bytes to and from the agent; ``harness.shell.pipe.BytePipe`` is one."""

    def receive(self, timeout_s: float) -> bytes: ...
    def send(self, data: bytes, timeout_s: float) -> None: ...
    def close(self) -> None: ...


class Answer(NamedTuple):
    """One answer of the agent: an errno or 0, a number, bytes."""

    status: int
    value: int
    data: bytes


class DevRmiLink(Link):
    """RMI calls by a program of a Linux host; memory is what the module gave that program.

    ``check`` is called while an answer is awaited, and may raise what ends the wait.
    """

    holds_pes = False

    def __init__(self, pipe: Pipe, *, check: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._pipe = pipe
        self._check = check or (lambda: None)
        self._received = bytearray()
        self._answers: dict[int, Answer] = {}
        self._seq = 0
        self._busy: dict[int, Ticket] = {}
        self.pes = 1

    def hello(self, timeout_s: float | None = None) -> Reply:
        """Wait for the agent's first bytes, then ask for what it has. Raises ``BootFailed``."""
        deadline = Deadline.after(_HELLO_TIMEOUT_S if timeout_s is None else timeout_s)
        try:
            while len(self._received) < len(_AGENT_MAGIC) and not deadline.expired:
                self._receive(deadline)
            if not self._received.startswith(_AGENT_MAGIC):
                raise LinkError(f"it said {bytes(self._received[:200])!r}")
            del self._received[: len(_AGENT_MAGIC)]
            answer = self.ask("HELLO", timeout_s=deadline.remaining_s)
        except HarnessError as problem:
            raise BootFailed(
                f"rmi-agent does not serve: {problem.message}",
                hint="is the module loaded? see dmesg of the host",
            ) from problem
        self.pes = min(answer.value, _LANES)
        return Reply(STATUS_OK, (MAGIC, VERSION, 0, self.pes, 0, 0, 0, 0))

    def close(self) -> None:
        """End the agent: the module takes back whatever it held."""
        self._pipe.close()

    def alloc(self, granules: int, align_bytes: int = GRANULE_BYTES) -> int:
        """Get adjacent granules of the host; ``LinkCannot`` where it has none such."""
        answer = self.ask("ALLOC", (granules, align_bytes), check=False)
        if answer.status:
            raise LinkCannot(
                f"not over /dev/rmi: {granules} adjacent granules aligned to {align_bytes:#x}: "
                f"{os.strerror(answer.status)}"
            )
        return answer.value

    def info(self) -> dict[str, int]:
        """What the module counts: RmiDeviceInfo."""
        return codec("RmiDeviceInfo").unpack(self.ask("HELLO").data)  # type: ignore[return-value]

    def withheld(self, pa: int, granules: int) -> tuple[bool, ...]:
        """True for each granule that the module keeps from the normal world's programs."""
        return tuple(bool(byte) for byte in self.ask("TOUCH", (pa, granules)).data)

    def ask(
        self,
        op: str,
        args: Sequence[int] = (),
        *,
        data: bytes = b"",
        flags: int = 0,
        timeout_s: float = CALL_TIMEOUT_S,
        check: bool = True,
    ) -> Answer:
        """Make one request of the agent and wait. ``LinkError`` for an errno, unless unchecked."""
        ticket = Ticket(_MEMORY_LANE, OP_HELLO, tuple(args))
        ticket.booked = False
        self._send(ticket, op, args, data, flags)
        answer = self._answer(ticket, Deadline.after(timeout_s))
        if check and answer.status:
            raise LinkError(
                f"rmi-agent: {op}({', '.join(map(hex, args))}): {os.strerror(answer.status)}",
                hint="is that memory of this link's pool?",
            )
        return answer

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
        lane = _lane(ticket)
        if lane in self._busy and not self.poll(self._busy[lane]):
            raise still_under_way(ticket, self._busy[lane], "start_smc()")
        if op == OP_CPU_ON:
            known = args[0] < self.pes
            self._finish(
                ticket, Reply(STATUS_OK, (0 if known else _INVALID_PARAMETERS,) + (0,) * 7)
            )
            return ticket
        self._send(ticket, *_request(op, args, pe, data))
        self._busy[lane] = ticket
        return ticket

    def poll(self, ticket: Ticket) -> bool:
        """See ``Channel.poll``."""
        if ticket.reply is None and ticket.seq not in self._answers:
            self._receive(Deadline.after(0))
        self._take(ticket)
        return ticket.reply is not None

    def wait_for(self, ticket: Ticket, deadline: Deadline) -> Reply:
        """See ``Channel.wait_for``."""
        if ticket.reply is None:
            self._answers[ticket.seq] = self._answer(ticket, deadline)
            self._take(ticket)
        assert ticket.reply is not None
        return ticket.reply

    def smc_each(
        self, calls: Sequence[tuple[int, ...]], *, pe: int = 0, stop_at_failure: bool = False
    ) -> list[tuple[int, ...]]:
        """See ``Channel.smc_each``: here many calls make one request."""
        check_pe(pe)
        done: list[tuple[int, ...]] = []
        for first in range(0, len(calls), _BATCH_CALLS):
            batch = calls[first : first + _BATCH_CALLS]
            ticket = Ticket(pe, OP_SMC, batch[0])
            ticket.booked = False
            data = b"".join(map(_registers, batch))
            self._send(ticket, "SMC", (pe,), data, _STOP_AT_FAILURE if stop_at_failure else 0)
            answer = self._answer(ticket, Deadline.after(CALL_TIMEOUT_S))
            made = list(_X.iter_unpack(answer.data))
            for call, values in zip(batch, made, strict=False):
                self._book(Ticket(pe, OP_SMC, call), Reply(STATUS_OK, values))
            done += made
            if answer.status:
                raise _refusal(str(Ticket(pe, OP_SMC, batch[len(made)])), answer.status)
            if len(made) < len(batch):
                break
        return done

    def read(self, pa: int, size_bytes: int) -> bytes:
        """Return bytes of the pool. Raises ``LinkError`` where they are not accessible."""
        return b"".join(
            self._access(OP_READ_BLOCK, (at, size)).data
            for at, size in chunks(pa, size_bytes, _DATA_BYTES)
        )

    def write(self, pa: int, data: bytes) -> None:
        """Store bytes in the pool. Raises ``LinkError`` where they are not accessible."""
        for at, size in chunks(pa, len(data), _DATA_BYTES):
            self._access(OP_WRITE_BLOCK, (at, size), data[at - pa : at - pa + size])

    def _access(self, op: int, args: tuple[int, ...], data: bytes = b"") -> Reply:
        ticket = self.start(op, args, 0, data)
        return require_ok(
            op, args, accept(ticket, self.wait_for(ticket, Deadline.after(CALL_TIMEOUT_S)))
        )

    def _send(
        self, ticket: Ticket, op: str, args: Sequence[int], data: bytes = b"", flags: int = 0
    ) -> None:
        self._seq += 1
        ticket.seq = self._seq
        head = _REQUEST.encode(
            seq=ticket.seq,
            op=_AGENT[op],
            lane=_lane(ticket),
            args=tuple(args),
            flags=flags,
            data_bytes=len(data),
        )
        self._pipe.send(head + data, CALL_TIMEOUT_S)

    def _answer(self, ticket: Ticket, deadline: Deadline) -> Answer:
        """Wait for the answer to a request and take it out."""
        while ticket.seq not in self._answers:
            if deadline.expired:
                raise self._timed_out(ticket, deadline, "nothing came from rmi-agent")
            self._receive(deadline.sooner(_ATTENTION_S))
        return self._answers.pop(ticket.seq)

    def _receive(self, deadline: Deadline) -> None:
        """Take in what comes, and sort out the answers that are complete."""
        data = self._pipe.receive(max(deadline.remaining_s, 0.0))
        if not data:
            self._check()
            return
        self._received += data
        while self.pes and len(self._received) >= _ANSWER_BYTES:
            if self._received.startswith(_AGENT_MAGIC):
                return  # hello() takes this
            head = _ANSWER.unpack(self._received)
            end = _ANSWER_BYTES + _int(head["data_bytes"])
            if len(self._received) < end:
                return
            body = bytes(self._received[_ANSWER_BYTES:end])
            del self._received[:end]
            answer = Answer(_int(head["status"]), _int(head["value"]), body)
            self._answers[_int(head["seq"])] = answer

    def _take(self, ticket: Ticket) -> None:
        """Turn the agent's answer, if it is there, into the request's reply."""
        answer = self._answers.pop(ticket.seq, None)
        if ticket.reply is not None or answer is None:
            return
        if self._busy.get(_lane(ticket)) is ticket:
            del self._busy[_lane(ticket)]
        if answer.status and ticket.op == OP_SMC:
            raise _refusal(str(ticket), answer.status)
        if answer.status:
            self._finish(ticket, Reply(STATUS_ABORT, (0,) * 8, far=ticket.args[0]))
            return
        values: tuple[int, ...] = (0,) * 8
        if ticket.op == OP_SMC:
            values = _X.unpack(answer.data)
        self._finish(ticket, Reply(STATUS_OK, values, data=answer.data))


def _lane(ticket: Ticket) -> int:
    return _MEMORY_LANE if ticket.op in _MEMORY_OPS else ticket.pe


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _registers(call: Sequence[int]) -> bytes:
    return _X.pack(*(arg & MASK64 for arg in call), *((0,) * (8 - len(call))))


def _request(
    op: int, args: tuple[int, ...], pe: int, data: bytes
) -> tuple[str, Sequence[int], bytes]:
    """A request of the monitor as one of the agent. Raises ``LinkCannot``."""
    if op == OP_SMC:
        return "SMC", (pe,), _registers(args)
    if op == OP_READ_BLOCK:
        return "READ", args, b""
    if op == OP_WRITE_BLOCK:
        return "WRITE", args[:1], data
    if op == OP_FILL:
        return "FILL", args, b""
    raise LinkCannot(f"not over /dev/rmi: {op_name(op)} is for a bare-metal host")


def _refusal(call: str, status: int) -> HarnessError:
    reason = _REASONS.get(status)
    if reason is None:
        return LinkError(f"/dev/rmi refuses {call}: {os.strerror(status)}")
    return LinkCannot(f"not over /dev/rmi: {reason}")
