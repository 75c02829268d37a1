# SPDX-License-Identifier: BSD-3-Clause
"""What a stack cannot reach, and why: testcases/unreachable.toml.

::

    [[unreachable]]
    command = "RMI_REC_CREATE"       # or an exit's reason, or a list; with wildcards
    condition = "params_pas"         # a condition's id, "success" or an exit's kind
    reason = "..."
    without = "realms"               # optional: only on stacks without this capability
    with = "tokens"                  # optional: only on stacks with it
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from harness.coverage.cells import Cell, rows
from harness.errors import AbiError

_KEYS = frozenset({"command", "condition", "reason", "without", "with"})


@dataclass(frozen=True, slots=True)
class Unreachable:
    """One entry: the cells it stands for, the reason, the capabilities it depends on."""

    subjects: tuple[str, ...]
    case: str
    reason: str
    without: str = ""
    with_: str = ""

    def covers(self, cell: Cell) -> bool:
        """Tell whether the entry is about this cell."""
        named = any(fnmatchcase(cell.subject, subject) for subject in self.subjects)
        return named and fnmatchcase(cell.case, self.case)

    def applies(self, capabilities: Collection[str]) -> bool:
        """Tell whether the entry is about a stack with these capabilities."""
        lacks = not self.without or self.without not in capabilities
        return lacks and (not self.with_ or self.with_ in capabilities)


def load_unreachable(path: Path) -> tuple[Unreachable, ...]:
    """Read the file; AbiError for an entry that names nothing of the tables."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_entry(path, row) for row in found.get("unreachable", ()))


def reasons(entries: Sequence[Unreachable], capabilities: Collection[str]) -> dict[Cell, str]:
    """The cells that a stack cannot reach, each with the reason of the first entry on it."""
    here = [entry for entry in entries if entry.applies(capabilities)]
    found: dict[Cell, str] = {}
    for row in rows():
        entry = next((entry for entry in here if entry.covers(row.cell)), None)
        if entry is not None:
            found[row.cell] = entry.reason
    return found


def _entry(path: Path, row: Mapping[str, Any]) -> Unreachable:
    shown = f"{path.name}: {row.get('command')} {row.get('condition')}"
    if unknown := row.keys() - _KEYS:
        raise AbiError(f"{shown}: no key {', '.join(sorted(unknown))}")
    if missing := {"command", "condition", "reason"} - row.keys():
        raise AbiError(f"{shown}: {', '.join(sorted(missing))} is missing")
    subjects = row["command"] if isinstance(row["command"], list) else [row["command"]]
    entry = Unreachable(
        tuple(subjects),
        row["condition"],
        row["reason"],
        row.get("without", ""),
        row.get("with", ""),
    )
    if not any(entry.covers(cell.cell) for cell in rows()):
        raise AbiError(f"{shown}: there is no such command, condition or exit")
    return entry
