# SPDX-License-Identifier: BSD-3-Clause
"""The cells that can be covered: each condition of the RMI and RSI tables, success, each exit."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

from harness.abi import Command, tables
from harness.abi.entries import Condition

SUCCESS = "success"
"""The cell of a command's success, next to those of its failure conditions."""

EXITS = "exits"
"""The family of REC exits; the other families are the prefixes of the commands."""

_FAMILIES = ("RMI", "RSI")

EXIT_KINDS: dict[str, tuple[str, ...]] = {
    "SYNC": (
        "data abort, emulatable read",
        "data abort, emulatable write",
        "data abort, not emulatable, translation fault",
        "data abort, not emulatable, permission fault",
        "instruction abort",
        "WFI",
        "WFE",
        "system register read",
        "system register write",
        "external abort",
    ),
    "IRQ": ("IRQ",),
    "FIQ": ("FIQ",),
    "PSCI": tuple(
        f"PSCI_{name}"
        for name in (
            *("CPU_SUSPEND", "CPU_OFF", "CPU_ON", "AFFINITY_INFO", "SYSTEM_OFF", "SYSTEM_RESET"),
        )
    ),
    "RIPAS_CHANGE": ("to EMPTY", "to RAM"),
    "HOST_CALL": ("host call",),
    "SERROR": ("SError",),
}
"""Reason (RmiRecExitReason) to what an exit of that reason can be (RMM specification, REC exit)."""


class Cell(NamedTuple):
    """One thing to cover: a command and a condition's id, or an exit's reason and kind."""

    subject: str
    case: str

    def __str__(self) -> str:
        return f"{self.subject} {self.case}"


@dataclass(frozen=True, slots=True)
class Row:
    """A cell with what the tables say of it; ``answer`` is status and index for a command."""

    cell: Cell
    family: str
    answer: str
    when: str


@functools.cache
def rows(version: str = "1.0") -> tuple[Row, ...]:
    """All cells of a dialect in the tables' order, exits last."""
    found = [
        row
        for command in tables(version).commands.values()
        if command.name.split("_")[0] in _FAMILIES
        for row in _of_command(command)
    ]
    for reason, kinds in EXIT_KINDS.items():
        found += [Row(Cell(reason, kind), EXITS, reason, "") for kind in kinds]
    return tuple(found)


@functools.cache
def known_cells() -> frozenset[Cell]:
    """The cells alone."""
    return frozenset(row.cell for row in rows())


def _of_command(command: Command) -> list[Row]:
    family = command.name.split("_")[0]
    good = Row(Cell(command.name, SUCCESS), family, f"{family}_SUCCESS", command.success)
    bad = [Row(Cell(command.name, c.id), family, _answer(c), c.when) for c in command.failures]
    return [good, *bad]


def _answer(condition: Condition) -> str:
    index = condition.index
    return f"{condition.status}({index})" if index else condition.status
