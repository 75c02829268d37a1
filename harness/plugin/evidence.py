# SPDX-License-Identifier: BSD-3-Clause
"""What a failed test's report is made from, be its machine bare metal or a Linux host."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.link.protocol import OP_SMC
from harness.machine import Machine
from harness.plugin.fixtures import RUNNING
from harness.plugin.judging import Trial
from harness.plugin.keeper import Running
from harness.plugin.tapping import Watch
from harness.stack import BuiltStack

_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b")
_SHOWN_SYMBOLS = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """A machine that a test used, and what was watched of it.

    ``built`` is what it booted, None if that is the session's stack; ``calls`` gives the
    calls of the link, None where there is no link; ``notes`` are lines for the report.
    """

    machine: Machine
    watch: Watch | None
    trial: Trial | None
    built: BuiltStack | None = None
    calls: Callable[[], list[str]] | None = None
    notes: tuple[str, ...] = ()
    consoles: tuple[str, ...] = ()
    """Names of those to show, where they say anything; by default the first."""
    console_lines: int = 8

    def facts(self, last_calls: int) -> dict[str, object]:
        """What ``failure.json`` says of the machine, with so many of the last calls."""
        machine = self.machine
        return {
            "last_calls": self.calls()[-last_calls:] if self.calls else [],
            "first_alarm": str(machine.alarms.first) if machine.alarms.first else None,
            "qemu_status": machine.exit_status,
            "command": machine.command,
            "consoles": {name: console.tail(15) for name, console in machine.consoles.items()},
            "positions": machine.positions(),
            "symbols": _names_of_addresses(machine),
            "machine_folder": str(machine.folder),
        }

    def keep(self, folder: Path) -> None:
        """The link's whole call log, and a pointer to the machine's transcripts."""
        if self.calls is not None:
            text = "\n".join(self.calls()) + "\n"
            (folder / "calls.txt").write_text(text, encoding="utf-8")
        link = folder / "machine"
        if not link.is_symlink():
            link.symlink_to(self.machine.folder)

    def shown_consoles(self) -> list[str]:
        """The last lines of the consoles that tell most."""
        consoles = self.machine.consoles
        said = [name for name in self.consoles if consoles[name].tail(1)]
        names = said or list(consoles)[:1]
        return [consoles[name].describe(self.console_lines) for name in names]


EVIDENCE = pytest.StashKey[Evidence]()
"""Of an item that used another machine than the session's bare-metal one."""

FOLDER = pytest.StashKey[Path]()
"""Of an item that starts machines of its own: their folder, and that of its report."""


def evidence_of(item: pytest.Item) -> Evidence | None:
    """What there is of a test's machine; None if it used none."""
    running = item.stash.get(RUNNING, None)
    if running is None:
        return item.stash.get(EVIDENCE, None)
    return Evidence(running.machine, running.watch, running.trial, calls=lambda: _calls(running))


def forget(item: pytest.Item) -> None:
    """The item lives on, and would keep the machine's RAM."""
    if RUNNING in item.stash:
        del item.stash[RUNNING]
    if EVIDENCE in item.stash:
        del item.stash[EVIDENCE]


def _calls(running: Running) -> list[str]:
    """The calls of the test that are still known, SMCs numbered as the ledger numbers them."""
    number = running.world.ledger.calls
    lines: list[str] = []
    for entry in reversed(running.link.log):
        mark = ""
        if entry.op == OP_SMC:
            mark, number = f"#{number}", number - 1
        lines.append(f"{mark:>5} {entry}")
    return lines[::-1]


def _names_of_addresses(machine: Machine) -> list[str]:
    """Names for the code addresses that the consoles showed last."""
    found: dict[str, str] = {}
    for console in machine.consoles.values():
        for text in _ADDRESS.findall(console.tail(40)):
            named = machine.symbolise(int(text, 16), console.name)
            if "+" in named:
                found.setdefault(named, text)
    return [f"{address} {name}" for name, address in list(found.items())[:_SHOWN_SYMBOLS]]
