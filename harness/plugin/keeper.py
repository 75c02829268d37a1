# SPDX-License-Identifier: BSD-3-Clause
"""One machine a worker: booted on demand, used again while it is proven clean.

A machine is clean when no alarm was seen, the RMM gave back every granule that the test
delegated, and the normal world can read all of them again. A machine that is not, or
whose test failed, is stopped, and the next test boots a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.abi import tables
from harness.errors import HarnessError, MachineError
from harness.link import Link, MailboxLink, SerialLink
from harness.machine import Machine, TapPlugin
from harness.plugin.judging import RMI_1_0, Trial
from harness.plugin.tapping import Watch
from harness.realm import GranulePool, Ledger, NormalWorld
from harness.stack import BuiltStack
from harness.tap import Tap
from harness.types import GRANULE_BYTES, Pa

_PROBE_GRANULES = 16384
_PSCI = {value: name for name, value in tables().enum("PsciReturnCode").items()}
_SHOWN = 20


class LeakFound(HarnessError):
    """A test left granules delegated or unwiped behind."""

    verdict = "assertion"


@dataclass(slots=True)
class Running:
    """A booted machine with its link and what tests use of it."""

    machine: Machine
    link: Link
    world: NormalWorld
    pes: set[int] = field(default_factory=lambda: {0})
    read: Callable[[int, int], bytes] | None = None
    watch: Watch | None = None
    trial: Trial | None = None
    end: Callable[[], None] | None = None
    """Ends this use of the machine; by default the machine is stopped."""

    def begin(self) -> None:
        """A test begins: what was before is not its doing."""
        self.world.pool.begin()
        self.world.ledger.begin()
        self.link.log.clear()
        if self.watch is not None:
            self.watch.begin()
        if self.trial is not None:
            self.trial.begin()

    def switch_on(self, pe: int) -> None:
        """Bring a PE up once; it serves calls until the machine ends."""
        if pe not in self.pes:
            result = self.link.cpu_on(pe)
            if result != 0:
                raise MachineError(
                    f"PSCI CPU_ON of PE {pe} answered {_PSCI.get(result, result)}\n"
                    + self.machine.consoles["ns"].describe()
                )
            self.pes.add(pe)


Boot = Callable[[BuiltStack, Path, str, str], Running]
"""Starts a machine: stack, folder, name below it, kind of link."""


class MachineKeeper:
    """Hands out this worker's machine and decides whether it may be used again."""

    def __init__(
        self,
        built: BuiltStack,
        folder: Path,
        link_kind: str,
        boot: Boot | None = None,
        *,
        tap: TapPlugin | None = None,
        tap_check: bool = False,
        rules: bool = False,
    ) -> None:
        self.built = built
        self.folder = folder
        self.link_kind = link_kind
        self.boots = 0
        self._boot = boot or partial(boot_machine, tap=tap, tap_check=tap_check, rules=rules)
        self._running: Running | None = None

    @property
    def running(self) -> Running | None:
        """The machine that is up, if one is."""
        return self._running

    def acquire(self) -> Running:
        """Return a booted, clean machine."""
        if self._running is None:
            self.boots += 1
            name = f"boot-{self.boots}"
            self._running = self._boot(self.built, self.folder, name, self.link_kind)
        try:
            self._running.begin()
        except BaseException:
            self.retire()
            raise
        return self._running

    def retire(self) -> None:
        """Stop the machine; the next test boots another."""
        if self._running is not None:
            running, self._running = self._running, None
            if running.trial is not None:
                running.trial.close()
            if running.end is not None:
                running.end()
            else:
                running.machine.stop(soft_s=0)

    def audit(self) -> None:
        """Check that the last test left nothing behind; LeakFound says what it did.

        What the ledger knows from the calls and what the machine itself shows (which
        granules still fault, which were not wiped) are looked at independently.
        """
        running = self._running
        if running is None:
            return
        try:
            running.machine.check()
            if running.watch is not None:
                running.watch.check()
            if running.trial is not None:
                running.trial.check()
            wipes = "wiping" in self.built.capabilities
            _check_leaks(running.world, _not_wiped(running) if wipes else [])
        except BaseException:
            self.retire()
            raise

    def close(self) -> None:
        """End of the session."""
        self.retire()


def boot_machine(
    built: BuiltStack,
    folder: Path,
    name: str,
    link_kind: str,
    *,
    tap: TapPlugin | None = None,
    tap_check: bool = False,
    rules: bool = False,
) -> Running:
    """Launch a machine and wait until the normal world answers; BootFailed if it does not."""
    machine = Machine.launch(built, folder, name=name, tap=tap)
    trial: Trial | None = None
    try:
        link = _link(link_kind, machine, built)
        link.hello()
        ledger = Ledger()
        link.observers.append(lambda _pe, args, results: ledger.observe(args, results))
        running = Running(
            machine, link, NormalWorld(link, GranulePool(), ledger), read=machine.ram.read
        )
        if machine.tap_file is not None:
            running.trial = trial = Trial(machine.tap_file, built) if rules else None
            running.watch = Watch(Tap(machine.tap_file, machine.check), link if tap_check else None)
        if RMI_1_0 in built.capabilities:
            # A PE that is off waits in firmware by WFE, for which QEMU takes a core.
            for pe in range(1, machine.what.machine.cpus):
                running.switch_on(pe)
    except BaseException:
        if trial is not None:
            trial.close()
        machine.stop(soft_s=0)
        raise
    return running


def _link(kind: str, machine: Machine, built: BuiltStack) -> Link:
    if kind == "serial":
        return SerialLink(machine.consoles["ns"])
    return MailboxLink(machine, built.elfs["host"])


def _check_leaks(world: NormalWorld, not_wiped: list[Pa]) -> None:
    problems = [str(leak) for leak in world.ledger.leaks()]
    problems += [f"{pa} still faults in the normal world" for pa in _faulting(world)]
    problems += [f"{pa} was given back but not wiped" for pa in not_wiped]
    if problems:
        shown = "\n  ".join(problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise LeakFound(
            f"{len(problems)} traces of granules left behind:\n  {shown}{more}",
            hint="call numbers count the SMCs of this test; see calls.txt of its folder",
        )


def _faulting(world: NormalWorld) -> list[Pa]:
    found: list[Pa] = []
    for span in world.pool.taken():
        for first in range(0, span.granules, _PROBE_GRANULES):
            base = span.base + first * GRANULE_BYTES
            count = min(_PROBE_GRANULES, span.granules - first)
            faults = world.link.withheld(Pa(base), count)
            found += [Pa(base + n * GRANULE_BYTES) for n, fault in enumerate(faults) if fault]
    return found


def _not_wiped(running: Running) -> list[Pa]:
    """Read the memory itself where it is shared: a page is long on a serial line."""
    zeros = bytes(GRANULE_BYTES)
    read = running.read or running.link.read
    return [pa for pa in running.world.ledger.returned() if read(pa, GRANULE_BYTES) != zeros]
