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

from harness.abi import codec
from harness.deadline import Deadline
from harness.errors import BootFailed, HarnessError, LinkCannot, LinkError
from harness.link.agent import DATA_BYTES, LANES, AgentWire, Answer, Pipe
from harness.link.base import CALL_TIMEOUT_S, Ticket, accept, check_pe, chunks, still_under_way
from harness.link.ops import Link, require_ok
from harness.link.protocol import (
    MAGIC,
    OP_CPU_ON,
    OP_FILL,
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

_X = struct.Struct("<8Q")
_STOP_AT_FAILURE = 1
_BATCH_CALLS = 1024
_HELLO_TIMEOUT_S = 30.0
_MEMORY_LANE = LANES - 1
"""Memory is accessible while a REC runs on PE 0."""

_MEMORY_OPS = (OP_READ_BLOCK, OP_WRITE_BLOCK, OP_FILL)
_INVALID_PARAMETERS = MASK64 - 1  # PSCI
_NO_VALUES = (0,) * 8
_SILENCE = "nothing came from rmi-agent"

_REASONS = {
    errno.EPERM: "it names memory that is the host kernel's",
    errno.EOPNOTSUPP: "the module does not know this call",
    errno.ENODEV: "the host has no such CPU",
    errno.EINVAL: "the host has no such CPU",
}


class _Batch(Ticket):
    """Calls that make one request; those that were made, and the error of the one after them."""

    __slots__ = ("calls", "error", "made")

    def __init__(self, pe: int, calls: Sequence[tuple[int, ...]]) -> None:
        super().__init__(pe, OP_SMC, calls[0])
        self.booked = False
        self.calls = calls
        self.made: list[tuple[int, ...]] = []
        self.error: HarnessError | None = None


class DevRmiLink(Link):
    """RMI calls by a program of a Linux host; memory is what the module gave that program.

    ``check`` is called while an answer is awaited, and may raise what ends the wait.
    """

    holds_pes = False

    def __init__(self, pipe: Pipe, *, check: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._wire = AgentWire(pipe, check or (lambda: None))
        self._busy: dict[int, Ticket] = {}
        self._refused: dict[int, int] = {}
        self.pes = 1

    def hello(self, timeout_s: float | None = None) -> Reply:
        """Wait for the agent's first bytes, then ask for what it has. Raises ``BootFailed``."""
        deadline = Deadline.after(_HELLO_TIMEOUT_S if timeout_s is None else timeout_s)
        try:
            self._wire.greet(deadline)
            answer = self.ask("HELLO", timeout_s=deadline.remaining_s)
        except HarnessError as problem:
            raise BootFailed(
                f"rmi-agent does not serve: {problem.message}",
                hint="is the module loaded? see dmesg of the host",
            ) from problem
        self.pes = min(answer.value, LANES)
        return Reply(STATUS_OK, (MAGIC, VERSION, 0, self.pes, 0, 0, 0, 0))

    def close(self) -> None:
        """End the agent: the module takes back whatever it held."""
        self._wire.pipe.close()

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
        asked = f"{op}({', '.join(map(hex, args))})"
        seq = self._wire.send(op, args, _MEMORY_LANE, data, flags)
        deadline = Deadline.after(timeout_s)
        answer = self._wire.wait(seq, deadline)
        if answer is None:
            self._wire.forget(seq)
            raise self._timed_out(asked, deadline, _SILENCE)
        if check and answer.status:
            raise LinkError(
                f"rmi-agent: {asked}: {os.strerror(answer.status)}",
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
        self._require_free(ticket)
        if op == OP_CPU_ON:
            known = args[0] < self.pes
            self._finish(
                ticket, Reply(STATUS_OK, (0 if known else _INVALID_PARAMETERS,) + (0,) * 7)
            )
            return ticket
        self._send(ticket, *_request(op, args, pe, data))
        return ticket

    def _require_free(self, wanted: Ticket) -> None:
        running = self._busy.get(_lane(wanted))
        if running is not None and not self.poll(running):
            raise still_under_way(wanted, running, "start_smc()")

    def _send(
        self, ticket: Ticket, op: str, args: Sequence[int], data: bytes = b"", flags: int = 0
    ) -> None:
        ticket.seq = self._wire.send(op, args, _lane(ticket), data, flags)
        self._busy[_lane(ticket)] = ticket

    def poll(self, ticket: Ticket) -> bool:
        """See ``Channel.poll``."""
        return self._over(ticket) or self._take(ticket, Deadline.after(0))

    def wait_for(self, ticket: Ticket, deadline: Deadline) -> Reply:
        """See ``Channel.wait_for``. Raises ``LinkCannot`` for a call that the module refuses."""
        if not self._over(ticket) and not self._take(ticket, deadline):
            raise self._timed_out(ticket, deadline, _SILENCE)
        if ticket.seq in self._refused:
            raise _refusal(ticket, self._refused[ticket.seq])
        assert ticket.reply is not None
        return ticket.reply

    def _over(self, ticket: Ticket) -> bool:
        return ticket.reply is not None or ticket.seq in self._refused

    def smc_each(
        self, calls: Sequence[tuple[int, ...]], *, pe: int = 0, stop_at_failure: bool = False
    ) -> list[tuple[int, ...]]:
        """See ``Channel.smc_each``: here many calls make one request."""
        check_pe(pe)
        done: list[tuple[int, ...]] = []
        for first in range(0, len(calls), _BATCH_CALLS):
            batch = calls[first : first + _BATCH_CALLS]
            ticket = _Batch(pe, batch)
            self._require_free(ticket)
            data = b"".join(map(_registers, batch))
            self._send(ticket, "SMC", (pe,), data, _STOP_AT_FAILURE if stop_at_failure else 0)
            self.wait_for(ticket, Deadline.after(CALL_TIMEOUT_S))
            done += ticket.made
            if ticket.error is not None:
                raise ticket.error
            if len(ticket.made) < len(batch):
                break
        return done

    def read(self, pa: int, size_bytes: int) -> bytes:
        """Return bytes of the pool. Raises ``LinkError`` where they are not accessible."""
        return b"".join(
            self._access(OP_READ_BLOCK, (at, size)).data
            for at, size in chunks(pa, size_bytes, DATA_BYTES)
        )

    def write(self, pa: int, data: bytes) -> None:
        """Store bytes in the pool. Raises ``LinkError`` where they are not accessible."""
        for at, size in chunks(pa, len(data), DATA_BYTES):
            self._access(OP_WRITE_BLOCK, (at, size), data[at - pa : at - pa + size])

    def _access(self, op: int, args: tuple[int, ...], data: bytes = b"") -> Reply:
        ticket = self.start(op, args, 0, data)
        return require_ok(
            op, args, accept(ticket, self.wait_for(ticket, Deadline.after(CALL_TIMEOUT_S)))
        )

    def _take(self, ticket: Ticket, deadline: Deadline) -> bool:
        """Turn the agent's answer, if it comes, into the request's reply or its refusal."""
        answer = self._wire.wait(ticket.seq, deadline)
        if answer is None:
            return False
        if self._busy.get(_lane(ticket)) is ticket:
            del self._busy[_lane(ticket)]
        if isinstance(ticket, _Batch):
            self._finish_batch(ticket, answer)
        elif answer.status and ticket.op == OP_SMC:
            self._refused[ticket.seq] = answer.status
        elif answer.status:
            self._finish(ticket, Reply(STATUS_ABORT, _NO_VALUES, far=ticket.args[0]))
        else:
            values = _X.unpack(answer.data) if ticket.op == OP_SMC else _NO_VALUES
            self._finish(ticket, Reply(STATUS_OK, values, data=answer.data))
        return True

    def _finish_batch(self, batch: _Batch, answer: Answer) -> None:
        """Book the calls that were made, whether or not anybody still waits for them."""
        batch.made = list(_X.iter_unpack(answer.data))
        for call, values in zip(batch.calls, batch.made, strict=False):
            self._book(Ticket(batch.pe, OP_SMC, call), Reply(STATUS_OK, values))
        if answer.status:
            refused = Ticket(batch.pe, OP_SMC, batch.calls[len(batch.made)])
            batch.error = _refusal(refused, answer.status)
        self._finish(batch, Reply(STATUS_OK, _NO_VALUES))


def _lane(ticket: Ticket) -> int:
    return _MEMORY_LANE if ticket.op in _MEMORY_OPS else ticket.pe


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


def _refusal(call: Ticket, status: int) -> HarnessError:
    reason = _REASONS.get(status)
    if reason is None:
        return LinkError(f"/dev/rmi refuses {call}: {os.strerror(status)}")
    return LinkCannot(f"not over /dev/rmi: {reason}")
