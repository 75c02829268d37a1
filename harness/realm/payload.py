# SPDX-License-Identifier: BSD-3-Clause
"""Driving the in-tree realm payload through host calls, exit by exit.

The payload takes a command from the registers of a host call's return and reports in
the registers of its next host call, so that commands need no memory shared with the
realm. Whatever exits a command causes on the way are seen by the test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.abi import lookup, tables
from harness.elf import ElfFile
from harness.errors import RealmError
from harness.link import Pending
from harness.realm import a64
from harness.realm.exits import Exit, HostCallExit
from harness.realm.payload_report import Report
from harness.realm.rec import Rec
from harness.realm.sysregs import ENCODINGS
from harness.rmi import EnterFlags, Result, Rsi
from harness.types import GRANULE_BYTES, MASK64, Ipa, align_up

_T = tables()
_OPS = _T.enum("PayloadOp")
_IMM = _T.constants["PAYLOAD_IMM"]
PAYLOAD_BASE = Ipa(_T.constants["PAYLOAD_BASE"])
PAYLOAD_MAGIC = _T.constants["PAYLOAD_MAGIC"]
PATTERN = _T.constants["PAYLOAD_PATTERN"]

NO_REGISTER = 31
_REGISTERS = 31
_MAX_RECS = _T.constants["PAYLOAD_MAX_RECS"]

ExitHandler = Callable[[Exit], "Reentry | None"]
"""Looks at an exit that is not the report; says how to enter again, None for plainly."""


@dataclass(frozen=True, slots=True)
class Reentry:
    """How to enter a REC after an exit."""

    flags: int = EnterFlags.NONE
    gprs: tuple[int, ...] = ()
    gicv3_hcr: int = 0
    gicv3_lrs: tuple[int, ...] = ()


class Guest:
    """The payload running on one REC; ``elf`` has names for where it took an exception."""

    def __init__(self, rec: Rec, *, pe: int = 0, elf: ElfFile | None = None) -> None:
        self.rec = rec
        self.pe = pe
        self.elf = elf
        self.rsi = Rsi(self.smc_in_realm)

    def boot(self, *, handler: ExitHandler | None = None) -> Report:
        """Enter the REC for the first time and wait for the payload's first report."""
        return self.finish(self.resume(), handler=handler)

    def submit(
        self,
        op: str,
        *args: int,
        flags: int = EnterFlags.NONE,
        gicv3_hcr: int = 0,
        gicv3_lrs: Sequence[int] = (),
    ) -> Exit:
        """Hand over a command and return the next exit, whatever it is."""
        words = _command(op, args)
        return self.resume(Reentry(flags, words, gicv3_hcr, tuple(gicv3_lrs)))

    def start(self, op: str, *args: int) -> Pending[tuple[int, ...]]:
        """Hand over a command and leave it running on this guest's PE; see :meth:`collect`."""
        return self.rec.start(pe=self.pe, gprs=_command(op, args))

    def collect(self, running: Pending[tuple[int, ...]], *, timeout_s: float = 10.0) -> Exit:
        """Wait for the exit of a command that :meth:`start` left running."""
        command = tables().command("RMI_REC_ENTER")
        Result(command, (self.rec.pa, self.rec.run), running.wait(timeout_s)).require()
        return self.rec.last_exit()

    def resume(self, how: Reentry | None = None, *, timeout_s: float = 10.0) -> Exit:
        """Enter the REC again and return the next exit."""
        how = how or Reentry()
        return self.rec.enter(
            flags=how.flags,
            gprs=how.gprs,
            gicv3_hcr=how.gicv3_hcr,
            gicv3_lrs=how.gicv3_lrs,
            pe=self.pe,
            timeout_s=timeout_s,
        )

    def finish(self, seen: Exit, *, handler: ExitHandler | None = None) -> Report:
        """Go on from ``seen`` until the report; ``handler`` answers other exits.

        RealmError when an exit comes up that nobody handles.
        """
        for _ in range(10_000):
            if isinstance(seen, HostCallExit) and seen.imm == _IMM:
                return Report.of(seen, self.elf)
            if handler is None:
                raise RealmError(f"wanted the payload's report, seen {seen.describe()}")
            seen = self.resume(handler(seen))
        raise RealmError(f"no report after 10000 exits, the last one {seen.describe()}")

    def run(self, op: str, *args: int, handler: ExitHandler | None = None) -> Report:
        """Run a command to its report."""
        return self.finish(self.submit(op, *args), handler=handler)

    def hello(self) -> Report:
        """Values: magic, MPIDR_EL1, CurrentEL, start value, counter frequency, VBAR, SP."""
        return self.run("HELLO")

    def read(self, ipa: Ipa | int, width_bytes: int = 8) -> Report:
        """Read memory that is mapped (or whose fault goes to the realm)."""
        return self.run("READ", ipa, width_bytes)

    def write(self, ipa: Ipa | int, value: int, width_bytes: int = 8) -> Report:
        """Write memory that is mapped (or whose fault goes to the realm)."""
        return self.run("WRITE", ipa, width_bytes, value)

    def execute(
        self,
        insn: int,
        registers: Sequence[tuple[int, int]] = (),
        *,
        handler: ExitHandler | None = None,
    ) -> Report:
        """Run one instruction with up to three registers (number, value) set.

        Values: the three registers afterwards, then the mask of changed registers.
        """
        return self.finish(self.submit_insn(insn, registers), handler=handler)

    def submit_insn(
        self,
        insn: int,
        registers: Sequence[tuple[int, int]] = (),
        *,
        flags: int = EnterFlags.NONE,
        gicv3_hcr: int = 0,
        gicv3_lrs: Sequence[int] = (),
    ) -> Exit:
        """Like :meth:`execute`, but return the next exit."""
        padded = [*registers, *([(NO_REGISTER, 0)] * (3 - len(registers)))]
        words = (insn, *(word for pair in padded for word in pair))
        how = {"flags": flags, "gicv3_hcr": gicv3_hcr}
        return self.submit("EXECUTE", *words, **how, gicv3_lrs=gicv3_lrs)

    def smc_in_realm(self, *x: int, handler: ExitHandler | None = None) -> tuple[int, ...]:
        """Issue an SMC inside the realm; returns x0..x16."""
        return self.run("SMC", *x, handler=handler).values

    def submit_smc(self, name: str, *args: int) -> Exit:
        """Issue a call of the tables inside the realm and return the next exit."""
        return self.submit("SMC", tables().command(name).fid, *args)

    def finish_smc(self, name: str, *args: int, how: Reentry | None = None) -> Result:
        """Enter again after the exit of :meth:`submit_smc`; what the call returned."""
        return Result(tables().command(name), args, self.finish(self.resume(how)).values)

    def read_sysreg(self, name: str) -> Report:
        """Execute MRS inside the realm; ``value`` is the register's contents."""
        return self.execute(a64.mrs(0, *ENCODINGS[name]), [(0, 0)])

    def write_sysreg(self, name: str, value: int) -> Report:
        """Execute MSR inside the realm."""
        return self.execute(a64.msr(0, *ENCODINGS[name]), [(0, value)])


def _command(op: str, args: Sequence[int]) -> tuple[int, ...]:
    """The registers that carry a PayloadCommand."""
    return (lookup(_OPS, op, "payload command"), *(arg & MASK64 for arg in args))


@dataclass(frozen=True, slots=True)
class PayloadImage:
    """The payload's loadable bytes and what it needs of the realm's memory.

    ``rec_state`` is where the RECs keep theirs, PAYLOAD_MAX_RECS equal pieces; ``elf`` has names.
    """

    base: Ipa
    content: bytes
    end: Ipa
    entry: Ipa
    secondary_entry: Ipa
    rec_state: range = range(0)
    elf: ElfFile | None = field(default=None, compare=False)

    @classmethod
    def load(cls, image: Path, elf: Path) -> PayloadImage:
        """Read a raw image and its ELF (symbols payload_start, payload_end, ...)."""
        symbols = ElfFile(elf)
        recs = symbols.symbol("recs")
        return cls(
            base=Ipa(symbols.symbol("payload_start").address),
            content=image.read_bytes(),
            end=Ipa(align_up(symbols.symbol("payload_end").address, GRANULE_BYTES)),
            entry=Ipa(symbols.symbol("payload_start").address),
            secondary_entry=Ipa(symbols.symbol("secondary_entry").address),
            rec_state=range(recs.address, recs.address + recs.size_bytes),
            elf=symbols,
        )

    def pages(self, recs: int = _MAX_RECS) -> list[tuple[Ipa, bytes | None]]:
        """Granule by granule: content, or None for what needs no contents.

        Granules that only RECs from number ``recs`` on would use are left out.
        """
        unused = self.rec_state[len(self.rec_state) // _MAX_RECS * recs :]
        found: list[tuple[Ipa, bytes | None]] = []
        for at in range(self.base, self.end, GRANULE_BYTES):
            if at in unused and at + GRANULE_BYTES - 1 in unused:
                continue
            piece = self.content[at - self.base : at - self.base + GRANULE_BYTES]
            found.append((Ipa(at), piece.ljust(GRANULE_BYTES, b"\0") if piece else None))
        return found


def register_pattern() -> tuple[int, ...]:
    """What EXECUTE puts into x0..x30 where the test does not say otherwise."""
    return tuple(PATTERN * (n + 1) & MASK64 for n in range(_REGISTERS))
