# SPDX-License-Identifier: BSD-3-Clause
"""The one place that all who judge answers report to; free when nobody collects."""

from __future__ import annotations

from typing import NamedTuple

from harness.abi import tables
from harness.coverage.cells import SUCCESS, Cell, known_cells

_seen: set[Cell] | None = None
"""What the test that runs has covered; None while nobody collects."""


class Claim(NamedTuple):
    """A failure that a test has explained: x0.. of the call, x0 of the return, the condition."""

    call: tuple[int, ...]
    answer: int
    condition: str


_claims: set[Claim] = set()
"""What the test that runs has explained."""


def begin() -> None:
    """Forget what was covered and collect from now on."""
    global _seen
    _seen = set()
    _claims.clear()


def take() -> list[Cell]:
    """End the collection and return what was covered, sorted; nothing without ``begin``.

    What was named is void, too: the next test may be one for which nobody collects.
    """
    global _seen
    found, _seen = _seen, None
    _claims.clear()
    return sorted(found or ())


def record(command: str, condition: str | None = None) -> None:
    """Say that an answer of a command was asserted: a condition's id, None or "success".

    A command that is not in the RMI or RSI tables is left out. AbiError for a condition that
    the command's table does not have.
    """
    if _seen is None:
        return
    cell = Cell(command, condition or SUCCESS)
    if cell in known_cells():
        _seen.add(cell)
    elif command.startswith(("RMI_", "RSI_")):
        tables().command(command).condition(cell.case)


def claim(call: tuple[int, ...], answer: int, condition: str) -> None:
    """Say that the test names this condition as the reason why a call (x0..) was refused."""
    if _seen is not None:
        _claims.add(Claim(call, answer, condition))


def claims() -> list[Claim]:
    """What the test has named so far, sorted."""
    return sorted(_claims)


def collects() -> bool:
    """Whether anybody wants to know."""
    return _seen is not None


def record_cell(cell: Cell) -> None:
    """Book one of the known cells."""
    if _seen is not None:
        _seen.add(cell)
