# SPDX-License-Identifier: BSD-3-Clause
"""A link to a normal world that exists only in Python: memory, granules, scripted answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from harness.abi import codec, tables
from harness.deadline import Deadline
from harness.link import Link, Reply, Ticket
from harness.link.protocol import (
    OP_CPU_ON,
    OP_FILL,
    OP_PROBE,
    OP_READ_BLOCK,
    OP_SMC,
    OP_WRITE,
    OP_WRITE_BLOCK,
    STATUS_ABORT,
    STATUS_OK,
)
from harness.realm import GranulePool, Ledger, NormalWorld
from harness.types import GRANULE_BYTES

Words = Sequence[int]
Answer = Callable[..., Words]
"""Gets the arguments x1.. of a call, gives x0.. of its answer."""

INPUT = (1,)
"""x0 of RMI_ERROR_INPUT."""

_RUN = codec("RmiRecRun")


def rtt_error(level: int, *outputs: int) -> Words:
    """RMI_ERROR_RTT at a level, with the outputs x1..."""
    return (4 | level << 8, *outputs)


class FakeHost(Link):
    """Serves every request at once. Granules and memory behave; other calls are scripted.

    ``answers[name]`` is a list of answers that are used up one by one, or a function of
    the arguments; a call without either succeeds with zeros as outputs. ``asked`` has
    every SMC as (name, x1, x2, ...).
    """

    def __init__(self, answers: dict[str, list[Words] | Answer] | None = None) -> None:
        super().__init__()
        self.answers = answers or {}
        self.asked: list[tuple[str | int, ...]] = []
        self.delegated: set[int] = set()
        self.wipes = True
        self.pes_on: list[int] = []
        self.memory: dict[int, bytearray] = defaultdict(lambda: bytearray(GRANULE_BYTES))

    def asked_of(self, name: str) -> list[tuple[str | int, ...]]:
        """The arguments of all calls of a command."""
        return [call[1:] for call in self.asked if call[0] == name]

    def start(
        self,
        op: int,
        args: tuple[int, ...] = (),
        pe: int = 0,
        data: bytes = b"",
        answer_bytes: int = 0,
    ) -> Ticket:
        ticket = Ticket(pe, op, args, answer_bytes)
        self._finish(ticket, self._serve(op, args, data))
        return ticket

    def poll(self, ticket: Ticket) -> bool:
        return ticket.reply is not None

    def wait_for(self, ticket: Ticket, deadline: Deadline) -> Reply:
        assert ticket.reply is not None
        return ticket.reply

    def hello(self, timeout_s: float | None = None) -> Reply:
        return _reply()

    def _serve(self, op: int, args: tuple[int, ...], data: bytes) -> Reply:
        if op == OP_SMC:
            return _reply(*self._smc(*args))
        if op == OP_PROBE:
            return self._probe(*args)
        if op == OP_READ_BLOCK:
            return self._read(*args)
        if op == OP_WRITE_BLOCK:
            return self._write(args[0], data)
        if op == OP_FILL:
            pa, size_bytes, byte = args
            return self._write(pa, bytes([byte]) * size_bytes)
        if op == OP_WRITE:
            pa, width_bytes, value = args
            return self._write(pa, value.to_bytes(width_bytes, "little"))
        assert op == OP_CPU_ON, f"operation {op} is not faked"
        self.pes_on.append(args[0])
        return _reply()

    def _smc(self, fid: int, *args: int) -> Words:
        name = tables().by_fid[fid].name
        self.asked.append((name, *args))
        scripted = self.answers.get(name, [])
        if callable(scripted):
            return scripted(*args)
        if scripted:
            return scripted.pop(0)
        return self._default(name, *args)

    def _default(self, name: str, *args: int) -> Words:
        if name == "RMI_GRANULE_DELEGATE":
            if args[0] in self.delegated or args[0] % GRANULE_BYTES:
                return INPUT
            self.delegated.add(args[0])
        if name == "RMI_GRANULE_UNDELEGATE":
            if args[0] not in self.delegated:
                return INPUT
            self.delegated.discard(args[0])
            if self.wipes:
                self.memory.pop(args[0], None)
        return (0,)

    def _probe(self, base: int, count: int) -> Reply:
        faults = [base + n * GRANULE_BYTES in self.delegated for n in range(count)]
        bitmap = sum(fault << n for n, fault in enumerate(faults))
        return _reply(sum(faults), data=bitmap.to_bytes((count + 7) // 8, "little"))

    def _read(self, pa: int, size: int) -> Reply:
        granule, offset = pa & -GRANULE_BYTES, pa % GRANULE_BYTES
        if granule in self.delegated:
            return Reply(STATUS_ABORT, (0,) * 8, esr=0x9600_0028, far=pa)
        return _reply(data=bytes(self.memory[granule][offset : offset + size]))

    def _write(self, pa: int, data: bytes) -> Reply:
        granule, offset = pa & -GRANULE_BYTES, pa % GRANULE_BYTES
        if granule in self.delegated:
            return Reply(STATUS_ABORT, (0,) * 8, esr=0x9600_0068, far=pa)
        here, beyond = data[: GRANULE_BYTES - offset], data[GRANULE_BYTES - offset :]
        self.memory[granule][offset : offset + len(here)] = here
        return self._write(granule + GRANULE_BYTES, beyond) if beyond else _reply()

    def exits(self, *areas: bytes) -> Answer:
        """An answer for RMI_REC_ENTER that stores the exit areas, one after the other."""
        left = list(areas)

        def enter(_rec: int, run: int, *_: int) -> Words:
            area = left.pop(0)
            self.memory[run][_RUN.offset("exit") : _RUN.offset("exit") + len(area)] = area
            return (0,)

        return enter


def new_world(host: FakeHost | None = None) -> NormalWorld:
    """A normal world over a fake host, with its ledger attached."""
    host = host or FakeHost()
    ledger = Ledger()
    host.observers.append(lambda _pe, args, results: ledger.observe(args, results))
    return NormalWorld(host, GranulePool(), ledger)


def _reply(*values: int, data: bytes = b"") -> Reply:
    return Reply(STATUS_OK, (*values, *[0] * (8 - len(values))), data=data)
