# SPDX-License-Identifier: BSD-3-Clause
"""A leased board as a machine: consoles, alarms, checks; no RAM to look into, no QMP, no tap."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import NoReturn, Self

from harness.alarms import AlarmLog
from harness.console import Console
from harness.deadline import Deadline
from harness.elf import Symboliser
from harness.errors import HarnessError
from harness.lab import words
from harness.lab.faults import LabFault, NotOnBoard
from harness.lab.lease import Lease
from harness.lab.transport import connect
from harness.machine.argv import Bootable
from harness.machine.folder import new_folder
from harness.machine.stuck import StuckWatch
from harness.machine.symbols import symboliser
from harness.transcript import Transcript

_CONNECT_S = 10.0


class LabBoard:
    """One boot of a leased board. Made by ``start``, ended by ``stop``; the lease goes on.

    Has what the harness uses of a ``harness.machine.Machine``.
    """

    version = ""
    tap_file: Path | None = None
    pid = 0
    exit_status: int | None = None

    def __init__(self, lease: Lease, what: Bootable, folder: Path, name: str) -> None:
        """Internal: use ``start``."""
        self.lease = lease
        self.name = name
        self.folder = folder
        self.what = what
        self.alarms = AlarmLog()
        self.consoles: Mapping[str, Console] = {}
        self.fault: LabFault | None = None
        self._stopped = False
        self._lock = threading.Lock()

    @classmethod
    def start(
        cls, lease: Lease, what: Bootable, files: Mapping[str, Path], run_dir: Path, name: str
    ) -> Self:
        """Deploy ``files`` (flash, bl1, fip), connect the consoles, switch the power on.

        Does not wait for the firmware. Raises ``LabFault``.
        """
        board = cls(lease, what, new_folder(run_dir, name), name)
        (board.folder / "place").write_text(f"{lease.place}\n{lease.owner}\n", encoding="utf-8")
        try:
            board._start(files)
        except BaseException:
            board.stop()
            raise
        return board

    def _start(self, files: Mapping[str, Path]) -> None:
        self.lease.ask(words.POWER_OFF)
        self.lease.ask(words.DEPLOY, files={name: str(path) for name, path in files.items()})
        deadline = Deadline.after(_CONNECT_S)
        consoles: dict[str, Console] = {}
        self.consoles = consoles
        for name, port in self.lease.ports.items():
            with ExitStack() as undo:
                line = connect(port, self.lease.place, deadline)
                undo.callback(line.close)
                transcript = Transcript(self.folder / f"{name}.log")
                undo.callback(transcript.close)
                consoles[name] = Console(name, line, transcript, self.alarms)
                undo.pop_all()
        self.lease.on_fault = self._hang_up
        if self.lease.fault is not None:  # it came before anybody listened
            self._hang_up()
        self.lease.ask(words.POWER_ON)

    def _hang_up(self) -> None:
        """The place is no longer ours: whoever waits on a console must not wait any longer."""
        for console in self.consoles.values():
            console.close(0.0)

    @property
    def command(self) -> list[str]:
        """What would be typed to see the same board."""
        return ["labgrid-client", "-p", self.lease.place, "console"]

    @property
    def alive(self) -> bool:
        """Whether the board is ours and all of its lines are open."""
        return not self._stopped and self._trouble() is None

    def check(self) -> None:
        """Raise ``LabFault`` for a lost place or a dead line, ``AlarmRaised`` after an alarm."""
        if fault := self._trouble():
            raise fault
        self.alarms.check()
        for console in self.consoles.values():
            console.transcript.check()
        if self._stopped:
            raise HarnessError(f"board {self.lease.place} was stopped")

    def _trouble(self) -> LabFault | None:
        """What is known to be wrong with the lab at this moment; it stays that."""
        if self.fault is None:
            self.fault = self.lease.fault or self._dead_line()
        return self.fault

    def _dead_line(self) -> LabFault | None:
        if self._stopped:
            return None
        closed = sorted(name for name, console in self.consoles.items() if console.closed)
        if not closed:
            return None
        ports = ", ".join(f"{name} at {self.lease.ports[name]}" for name in closed)
        return LabFault(
            f"place {self.lease.place}: the serial server closed console {ports}",
            hint="the board's server or its exporter is gone; the test runs again elsewhere",
            place=self.lease.place,
            broken=True,
        )

    def judge(self, *, silent: bool) -> LabFault | None:
        """After a failure: is the lab to blame? ``silent``: the board did not answer any more.

        A board that is ours, whose lines are open, and that has fallen silent is switched off and
        on: if it then says nothing at all, it hangs. If it speaks, what hung was the stack.
        """
        if (fault := self._trouble()) or not silent or self._stopped:
            return fault
        try:
            if self._speaks_again():
                return None
        except LabFault as problem:
            self.fault = problem
            return problem
        self.fault = self._trouble() or LabFault(
            f"place {self.lease.place}: the board hangs: it was silent, and stayed so for "
            f"{self.lease.alive_s:g} s after its power was switched off and on",
            hint="see to the board; it is left alone for ten minutes",
            place=self.lease.place,
            broken=True,
        )
        return self.fault

    def _speaks_again(self) -> bool:
        with self.alarms.expected("reboot"):
            self.lease.ask(words.POWER_OFF)
            before = self.heard_bytes()
            self.lease.ask(words.POWER_ON)
            deadline = Deadline.after(self.lease.alive_s)
            waiting = threading.Event()
            while self.heard_bytes() == before and not deadline.expired and not self._trouble():
                waiting.wait(0.05)
            self.lease.ask(words.POWER_OFF)
            return self.heard_bytes() > before

    def heard_bytes(self) -> int:
        """How much the consoles have shown since this boot began."""
        return sum(console.received_bytes for console in self.consoles.values())

    def describe(self, lines: int = 15) -> str:
        """Return what every failure report of this board should show."""
        seen = [console.describe(lines) for console in self.consoles.values() if console.tail(1)]
        return "\n".join(
            [
                *(seen or ["no console showed anything"]),
                f"first alarm: {self.alarms.first or 'none'}",
                f"place: {self.lease.place}",
                f"artefacts: {self.folder}",
            ]
        )

    def positions(self) -> list[str]:
        """Where the PEs are: nobody can see that on a board."""
        return []

    @cached_property
    def stuck_watch(self) -> StuckWatch:
        """Never says that the board hangs: there is no position to see."""
        return StuckWatch(list, self.heard_bytes, lambda: 0.0)

    @property
    def ram(self) -> NoReturn:
        """Raises ``NotOnBoard``."""
        raise NotOnBoard("not on a board: its RAM is not shared with the harness")

    def qmp(self, command: str, **_: object) -> NoReturn:
        """Raises ``NotOnBoard``."""
        raise NotOnBoard(f"not on a board: there is no QMP ({command})")

    @cached_property
    def symboliser(self) -> Symboliser:
        """Names for the addresses of firmware and normal world (not of realms)."""
        return symboliser(self.what.elfs)

    def symbolise(self, pa: int, console: str = "") -> str:
        """Return an address with function and source line where they are known."""
        del console  # no realm has a line of a board
        return self.symboliser.symbolise(pa)

    def output_tail(self, lines: int = 20) -> str:
        """A board says nothing but on its consoles."""
        del lines
        return ""

    def stop(self, soft_s: float = 0.0) -> int | None:
        """Close the consoles, switch the power off if the place is still ours. Idempotent."""
        del soft_s
        with self._lock:
            if self._stopped:
                return None
            self._trouble()
            self._stopped = True
            self.lease.on_fault = lambda: None
            for console in self.consoles.values():
                console.close()
            try:
                if self.lease.fault is None:
                    self.lease.ask(words.POWER_OFF)
            except LabFault as problem:
                self.fault = self.fault or problem
            return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
