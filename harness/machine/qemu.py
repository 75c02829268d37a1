# SPDX-License-Identifier: BSD-3-Clause
"""A running QEMU: consoles, RAM, control channel, and the certainty that it ends."""

from __future__ import annotations

import atexit
import contextlib
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

from harness.alarms import AlarmLog
from harness.console import Console
from harness.deadline import Deadline
from harness.elf import Symboliser
from harness.errors import HarnessError, LaunchError, MachineDied, results_hint
from harness.machine.argv import (
    CONSOLE_NAMES,
    TAP_FILE,
    Bootable,
    TapPlugin,
    Wiring,
    qemu_argv,
)
from harness.machine.folder import new_folder, script_of, write_script
from harness.machine.kernel_map import KernelMap
from harness.machine.lines import Lines
from harness.machine.position import Position, describe_positions, parse_positions
from harness.machine.process import ChildProcess, describe_status
from harness.machine.qmp import QmpError
from harness.machine.ram import GuestRam
from harness.machine.ram_address import RamAddress
from harness.machine.realm_names import RealmNames
from harness.machine.stuck import StuckWatch, cpu_time_s
from harness.machine.symbols import symboliser

_LAUNCH_TIMEOUT_S = 60.0
_POSITION_TIMEOUT_S = 2.0
_MONITOR = "human-monitor-command"
_REALM_CONSOLE = "realm"

_running: weakref.WeakSet[Machine] = weakref.WeakSet()


class Machine:
    """One QEMU process and all its lines. Made by ``launch``, ended by ``stop``."""

    def __init__(self, what: Bootable, folder: Path, name: str) -> None:
        """Internal: use ``launch``."""
        self.name = name
        self.folder = folder
        self.what = what
        self.alarms = AlarmLog()
        self.consoles: Mapping[str, Console] = {}
        self.command: list[str] = []
        self.version = ""
        self.tap_file: Path | None = None
        self.kernel_map: KernelMap | None = None
        self.gives_way = False
        """Whether a CPU that waits leaves its core to others: the tap's plugin sees to it."""
        self._ram: GuestRam | None = None
        self._ram_address: RamAddress | None = None
        self._process: ChildProcess | None = None
        self._lines: Lines | None = None
        self._status: int | None = None
        self._stopped = False
        self._lock = threading.Lock()

    @classmethod
    def launch(
        cls,
        built: Bootable,
        run_dir: Path,
        *,
        name: str = "machine",
        shared_ram: bool = True,
        tap: TapPlugin | None = None,
        consoles: Sequence[str] = CONSOLE_NAMES,
    ) -> Machine:
        """Start QEMU; return when it has accepted its command line and runs.

        Does not wait for the firmware. ``run_dir / name`` gets the transcripts, QEMU's own
        output and ``qemu.sh``. Without ``shared_ram`` the RAM is anonymous (fast snapshots)
        and ``ram`` is not available. With a ``tap`` that records all SMCs go to
        ``tap_file``. ``consoles`` names the UARTs, and a virtio console for each further name.
        Raises ``LaunchError``.
        """
        machine: Machine | None = None
        try:
            machine = cls(built, new_folder(run_dir, name), name)
            machine._start(shared_ram, tap, consoles)
        except BaseException as problem:
            if machine is not None:
                machine.stop(soft_s=0)
            if isinstance(problem, OSError):
                raise LaunchError(
                    f"cannot prepare machine {name!r} in {run_dir}: {problem}",
                    hint=results_hint(problem),
                ) from problem
            raise
        return machine

    def _start(self, shared_ram: bool, tap: TapPlugin | None, consoles: Sequence[str]) -> None:
        self.gives_way = tap is not None
        recording = self.folder / TAP_FILE
        self.tap_file = recording if tap and tap.record else None
        _running.add(self)
        self._lines = lines = Lines(self.folder, consoles, self.alarms)
        self.consoles = lines.consoles
        if shared_ram:
            self._ram = GuestRam(self.what.machine.memory_bytes)
        elif self.tap_file:
            self._ram_address = RamAddress()
        wiring = Wiring(
            lines.inherited,
            lines.qmp_fd,
            self._ram.fd if self._ram else None,
            (tap, recording) if tap else None,
            self._ram_address.fd if self._ram_address else None,
        )
        self.command = qemu_argv(self.what, wiring)
        write_script(self.folder, self.what, self.command)
        memory = [part.fd for part in (self._ram, self._ram_address) if part]
        inherited = [*lines.inherited.values(), lines.qmp_fd, *memory]
        self._process = ChildProcess.start(self.command, inherited, self.folder / "qemu.log")
        lines.hand_over()
        until = Deadline.after(_LAUNCH_TIMEOUT_S)
        try:
            version = lines.qmp.handshake(lambda: not self.alive, until)
        except QmpError as problem:
            raise self._launch_error(problem.message) from problem
        if version is None:
            status = describe_status(self.exit_status)
            raise self._launch_error(f"QEMU ended before it ran: {status}")
        self.version = version
        if self._ram_address is not None:
            self._ram_address.tell(lambda line: self.qmp(_MONITOR, command_line=line))

    def _launch_error(self, why: str) -> LaunchError:
        return LaunchError(
            f"{why}\nits output:\n{_indent(self.output_tail())}\nby hand: {script_of(self.folder)}",
            hint="the output above is QEMU's own; `cca doctor` checks version and RME support",
        )

    @property
    def ram(self) -> GuestRam:
        """The machine's memory. Raises ``HarnessError`` if it was launched without sharing."""
        if self._ram is None:
            raise HarnessError(
                f"machine {self.name!r} does not share its RAM", hint="launch(shared_ram=True)"
            )
        return self._ram

    @property
    def pid(self) -> int:
        """Process id of QEMU (0 before it was started)."""
        return self._process.pid if self._process else 0

    @property
    def exit_status(self) -> int | None:
        """QEMU's exit status, negative for a signal, None while it runs."""
        if self._status is None and self._process is not None:
            self._status = self._process.poll()
        return self._status

    @property
    def alive(self) -> bool:
        """Whether QEMU runs."""
        return self._process is not None and not self._stopped and self.exit_status is None

    def check(self) -> None:
        """Raise ``AlarmRaised`` after an alarm, ``MachineDied`` if QEMU is gone.

        Also ``TranscriptError`` when the disk no longer takes what the consoles say.
        """
        self.alarms.check()
        for console in self.consoles.values():
            console.transcript.check()
        if not self.alive:
            raise MachineDied(
                f"QEMU of machine {self.name!r} is gone: "
                f"{'it was stopped' if self._stopped else describe_status(self.exit_status)}\n"
                f"{self.describe()}",
                hint=f"boot the same by hand: {script_of(self.folder)}",
            )

    def describe(self, lines: int = 15) -> str:
        """Return what every failure report of this machine should show."""
        seen = [console.describe(lines) for console in self.consoles.values() if console.tail(1)]
        return "\n".join(
            [
                *(seen or ["no console showed anything"]),
                f"first alarm: {self.alarms.first or 'none'}",
                *self.positions(),
                f"QEMU: {describe_status(self.exit_status)}",
                *([f"QEMU's output:\n{_indent(output)}"] if (output := self.output_tail()) else []),
                f"artefacts: {self.folder}",
            ]
        )

    def positions(self) -> list[str]:
        """Say where each PE is at this moment; nothing of a QEMU that does not answer.

        What runs at EL1 are guests: names are the realm's there. A program at EL0 has none.
        """
        return describe_positions(self._where(), self.symbolise, self.realm_names.symbolise)

    def _where(self) -> list[Position]:
        if not self.alive:
            return []
        try:
            text = self.qmp(
                _MONITOR,
                timeout_s=_POSITION_TIMEOUT_S,
                command_line="info registers -a",
            )
        except QmpError:
            return []
        return parse_positions(str(text))

    @cached_property
    def stuck_watch(self) -> StuckWatch:
        """Tells whether the machine hangs; to be asked again and again while one waits."""
        return StuckWatch(
            self._where,
            lambda: sum(console.received_bytes for console in self.consoles.values()),
            lambda: cpu_time_s(self.pid),
        )

    def output_tail(self, lines: int = 20) -> str:
        """Return the last lines that QEMU itself wrote."""
        return self._process.output_tail(lines) if self._process else ""

    def qmp(self, command: str, *, timeout_s: float = 30.0, **arguments: object) -> object:
        """Run a QMP command; ``_`` in argument names becomes ``-``. Raises ``QmpError``."""
        if self._lines is None:
            self.check()
            raise HarnessError("the machine was not started")
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self._lines.qmp.execute(command, named, timeout_s)

    @cached_property
    def symboliser(self) -> Symboliser:
        """Names for the addresses of firmware and normal world (not of realms)."""
        return symboliser(self.what.elfs)

    @cached_property
    def realm_names(self) -> RealmNames:
        """Names for the addresses of what runs in realms."""
        return RealmNames(self.what.elfs, self.what.maps)

    def symbolise(self, pa: int, console: str = "") -> str:
        """Return an address with function and source line where they are known.

        ``console`` is the one that showed it: a realm's addresses are its own.
        """
        if console == _REALM_CONSOLE:
            return self.realm_names.symbolise(pa)
        text = self.symboliser.symbolise(pa)
        named = self.kernel_map.describe(pa) if self.kernel_map and "+" not in text else None
        return f"{text} kernel: {named}" if named else text

    def stop(self, soft_s: float = 2.0) -> int | None:
        """End QEMU, softly for ``soft_s`` seconds, then hard; release everything.

        Idempotent, safe at interpreter exit; who interrupts it waits for no soft end, and all
        is released. Returns QEMU's exit status.
        """
        with self._lock, contextlib.ExitStack() as end:
            if self._stopped:
                return self.exit_status
            self._stopped = True
            _running.discard(self)
            for part in (self._ram_address, self._ram, self._lines):
                if part is not None:
                    end.callback(part.close)
            if self._process is not None:
                self._status = self._process.stop(soft_s)
            return self._status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _indent(text: str) -> str:
    return "\n".join(f"  | {line}" for line in (text or "(nothing)").split("\n"))


@atexit.register
def _stop_all() -> None:
    for machine in list(_running):
        with contextlib.suppress(Exception):
            machine.stop(soft_s=0.5)
