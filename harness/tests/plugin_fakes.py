# SPDX-License-Identifier: BSD-3-Clause
"""Machines for the plugin that are made of Python alone, in place of booted ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from harness.alarms import AlarmLog
from harness.machine import Machine
from harness.plugin.keeper import Running
from harness.stack import BuiltStack
from harness.tests.fake_host import FakeHost, new_world


@dataclass
class FakeConsole:
    """Shows one line that has a code address in it."""

    name: str

    def tail(self, lines: int = 20) -> str:
        return f"{self.name}: pc 0x0000000060001234"

    def describe(self, lines: int = 20) -> str:
        return f"last lines of console {self.name!r}:\n  | {self.tail(lines)}"


@dataclass
class FakeMachine:
    """What the plugin needs of a machine; ``check`` fails after an alarm."""

    built: BuiltStack
    folder: Path
    alarms: AlarmLog = field(default_factory=AlarmLog)
    stopped: int = 0
    pid: int = 0

    @property
    def what(self) -> BuiltStack:
        return self.built

    @property
    def consoles(self) -> dict[str, FakeConsole]:
        return {"ns": FakeConsole("ns"), "secure": FakeConsole("secure")}

    command = ("qemu-system-aarch64", "-M", "virt")
    exit_status = None

    def check(self) -> None:
        self.alarms.check()

    def positions(self) -> list[str]:
        return ["PE 0: EL2 at 0x60001234"]

    def symbolise(self, pa: int, console: str = "") -> str:
        return f"{pa:#x} {console}_code+0x34 (main.c:12)"

    def stop(self, soft_s: float = 2.0) -> None:
        self.stopped += 1


class FakeMachines:
    """Boots fake machines and remembers them."""

    def __init__(self) -> None:
        self.booted: list[SimpleNamespace] = []

    def boot(self, built: BuiltStack, folder: Path, name: str, link_kind: str) -> Running:
        place = folder / name
        place.mkdir(parents=True)
        machine, host = FakeMachine(built, place), FakeHost()
        self.booted.append(SimpleNamespace(machine=machine, host=host, kind=link_kind))
        return Running(cast("Machine", machine), host, new_world(host))

    @property
    def stopped(self) -> list[int]:
        """How often each was stopped."""
        return [one.machine.stopped for one in self.booted]
