# SPDX-License-Identifier: BSD-3-Clause
"""The operations of the monitor as methods, the same over every link."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from harness.errors import LinkError
from harness.link.base import CALL_TIMEOUT_S, Channel, Pending, chunks
from harness.link.program import Program, ProgramResult
from harness.link.protocol import (
    BLOCK_BYTES,
    FP_BYTES,
    OP_CPU_OFF,
    OP_CPU_ON,
    OP_FETCH,
    OP_FILL,
    OP_FP_GET,
    OP_FP_SET,
    OP_IRQ_ACK,
    OP_IRQ_PENDING,
    OP_PROBE,
    OP_PROGRAM,
    OP_READ,
    OP_READ_BLOCK,
    OP_SGI,
    OP_SYSREG_READ,
    OP_SYSREG_WRITE,
    OP_TIMER,
    OP_WRITE,
    OP_WRITE_BLOCK,
    PROBE_GRANULES,
    SYSREGS,
    Outcome,
    Reply,
    describe_call,
)
from harness.types import GRANULE_BYTES, MASK64, Pa

_LINE_BYTES = 64

SPURIOUS_INTID = 1023
"""What ``irq_ack`` returns when no interrupt was pending."""


class Link(Channel):
    """A channel with the monitor's operations.

    Memory is accessed by a PE in the normal world unless a subclass says otherwise.
    """

    holds_pes = True
    """A PE does what it is told and nothing else: a REC on it runs until the test ends that."""

    def read(self, pa: int, size_bytes: int) -> bytes:
        """Return bytes at a physical address. Raises ``LinkError`` if the access aborts."""
        return b"".join(
            self._must(OP_READ_BLOCK, (at, size), answer_bytes=size).data
            for at, size in chunks(pa, size_bytes, BLOCK_BYTES)
        )

    def write(self, pa: int, data: bytes) -> None:
        """Store bytes at a physical address. Raises ``LinkError`` if the access aborts.

        Runs of zeros are filled in place: most of a parameter page is zero, and need not
        cross a slow line.
        """
        for at, piece in _runs(pa, data):
            if any(piece):
                for start, size in chunks(at, len(piece), BLOCK_BYTES):
                    block = piece[start - at : start - at + size]
                    self._must(OP_WRITE_BLOCK, (start, size), data=block)
            else:
                self.fill(at, len(piece))

    def fill(self, pa: int, size_bytes: int, byte: int = 0) -> None:
        """Set every byte of a range. Raises ``LinkError`` if the access aborts."""
        self._must(OP_FILL, (pa, size_bytes, byte))

    def peek(self, pa: int, width_bytes: int = 8, *, pe: int = 0) -> Outcome:
        """Read 1, 2, 4 or 8 bytes on a PE; an abort is an outcome, not an error."""
        return Outcome.of(self.call(OP_READ, (pa, width_bytes), pe))

    def poke(self, pa: int, width_bytes: int, value: int, *, pe: int = 0) -> Outcome:
        """Write 1, 2, 4 or 8 bytes on a PE; an abort is an outcome, not an error."""
        return Outcome.of(self.call(OP_WRITE, (pa, width_bytes, value & MASK64), pe))

    def fetch(self, pa: int, *, pe: int = 0) -> Outcome:
        """Branch to an address that must return; a refused fetch is an outcome."""
        return Outcome.of(self.call(OP_FETCH, (pa,), pe))

    def probe(self, pa: int, granules: int, *, pe: int = 0) -> tuple[bool, ...]:
        """Read each of some granules on a PE; True where the read aborted."""
        aborted: list[bool] = []
        for at, size in chunks(pa, granules * GRANULE_BYTES, PROBE_GRANULES * GRANULE_BYTES):
            count = size // GRANULE_BYTES
            reply = self.call(OP_PROBE, (at, count), pe, answer_bytes=(count + 7) // 8)
            aborted += [bool(reply.data[n // 8] >> n % 8 & 1) for n in range(count)]
        return tuple(aborted)

    def withheld(self, pa: int, granules: int) -> tuple[bool, ...]:
        """True for each granule that the normal world cannot read."""
        return self.probe(pa, granules)

    def cpu_on(self, pe: int, timeout_s: float = CALL_TIMEOUT_S) -> int:
        """Bring a PE up with PSCI and wait until it serves; returns the PSCI result, signed."""
        result = self._must(OP_CPU_ON, (pe,), timeout_s=timeout_s).values[0]
        return result - (1 << 64) if result >> 63 else result

    def cpu_off(self, pe: int) -> None:
        """Let a PE other than 0 leave; ``cpu_on`` brings it back."""
        self._must(OP_CPU_OFF, (), pe)

    def timer(self, ticks: int, *, pe: int = 0) -> None:
        """Arm the PE's EL2 physical timer to fire after so many counter ticks; 0 disarms."""
        self._must(OP_TIMER, (ticks,), pe)

    def sgi(self, to_pe: int, intid: int, *, pe: int = 0) -> None:
        """Let a PE send a non-secure group 1 SGI to another."""
        self._must(OP_SGI, (to_pe, intid), pe)

    def irq_ack(self, *, pe: int = 0) -> int:
        """Take and complete an interrupt; returns its id, ``SPURIOUS_INTID`` if there is none."""
        return self._must(OP_IRQ_ACK, (), pe).values[0]

    def irq_pending(self, *, pe: int = 0) -> int | None:
        """Return the id of the interrupt that is pending for a PE, or None."""
        pending, intid = self._must(OP_IRQ_PENDING, (), pe).values[:2]
        return intid if pending else None

    def sysreg_read(self, name: str, *, pe: int = 0) -> int:
        """Return a system register of ``MonitorSysreg``."""
        return self._must(OP_SYSREG_READ, (_sysreg(name),), pe).values[0]

    def sysreg_write(self, name: str, value: int, *, pe: int = 0) -> None:
        """Set a system register of ``MonitorSysreg``."""
        self._must(OP_SYSREG_WRITE, (_sysreg(name), value & MASK64), pe)

    def fp_set(self, registers: bytes, *, pe: int = 0) -> None:
        """Load v0..v31 of a PE from 512 bytes."""
        if len(registers) != FP_BYTES:
            raise LinkError(f"v0..v31 are {FP_BYTES} bytes, not {len(registers)}")
        self._must(OP_FP_SET, (), pe, data=registers)

    def fp_get(self, *, pe: int = 0) -> bytes:
        """Return v0..v31 of a PE as 512 bytes."""
        return self._must(OP_FP_GET, (), pe, answer_bytes=FP_BYTES).data

    def start_program(self, program: Program, *, pe: int = 0) -> Pending[ProgramResult]:
        """Store a program and start it on a PE; ``wait`` gives what it did.

        Start PE 0 last: over the serial link nothing else gets through while it is busy.
        """
        self.write(program.at, program.encode())
        ticket = self.start(OP_PROGRAM, (program.at,), pe)
        return Pending(self, ticket, lambda reply: self._program_result(program, reply))

    def run_program(
        self, program: Program, *, pe: int = 0, timeout_s: float = 60.0
    ) -> ProgramResult:
        """Store a program, run it on a PE and return what it did."""
        return self.start_program(program, pe=pe).wait(timeout_s)

    def _program_result(self, program: Program, reply: Reply) -> ProgramResult:
        require_ok(OP_PROGRAM, (program.at,), reply)
        kept = program.size_bytes - (program.results_at - program.at)
        return ProgramResult.of(reply, self.read(program.results_at, kept))

    def _must(
        self,
        op: int,
        args: tuple[int, ...],
        pe: int = 0,
        timeout_s: float = CALL_TIMEOUT_S,
        data: bytes = b"",
        answer_bytes: int = 0,
    ) -> Reply:
        """Make a call that has no business aborting."""
        reply = self.call(op, args, pe, timeout_s, data, answer_bytes)
        return require_ok(op, args, reply)


def _runs(pa: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split bytes into runs of lines that are all zero and of lines that are not."""
    lines = [data[at : at + _LINE_BYTES] for at in range(0, len(data), _LINE_BYTES)]
    for _, group in itertools.groupby(lines, key=any):
        run = b"".join(group)
        yield pa, run
        pa += len(run)


def require_ok(op: int, args: tuple[int, ...], reply: Reply) -> Reply:
    """Return the answer to a request that has no business aborting, or raise ``LinkError``."""
    outcome = Outcome.of(reply)
    if outcome.aborted:
        raise LinkError(
            f"{describe_call(op, args)} aborted at {Pa(reply.far)}: "
            f"ESR_EL2 {reply.esr:#x}, pc {reply.elr:#x}",
            hint="the normal world may not touch this memory; `peek` reports an abort as outcome",
        )
    return reply


def _sysreg(name: str) -> int:
    try:
        return SYSREGS[name]
    except KeyError:
        raise LinkError(
            f"the monitor has no access to {name}", hint=f"it has {', '.join(SYSREGS)}"
        ) from None
