# SPDX-License-Identifier: BSD-3-Clause
"""ABI coverage of cells, added up from what each test's results carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.coverage import Cell as AbiCell
from harness.coverage import Tally, load_unreachable
from harness.coverage.unreachable import reasons
from harness.errors import HarnessError
from harness.nightly.config import Cell
from harness.results import Book
from harness.stack import load_stack

_UNREACHABLE = Path("testcases") / "unreachable.toml"


def tally_cells(checkout: Path, books: Mapping[str, tuple[Cell, Book]]) -> Tally:
    """One tally of several cells: what one of them can reach is reachable."""
    out: list[Mapping[AbiCell, str]] = [_out_of_reach(checkout, cell) for cell, _ in books.values()]
    common = {cell: why for cell, why in out[0].items() if all(cell in one for one in out)}
    tally = Tally(common)
    for _, book in books.values():
        for test, cells in _covered(book):
            tally.add(test, cells)
    return tally


def count_cells(checkout: Path, cell: Cell, book: Book) -> tuple[int, int]:
    """Covered and reachable ABI cells of one cell of the night."""
    totals = tally_cells(checkout, {cell.name: (cell, book)}).totals()
    return totals.covered, totals.reachable


def _covered(book: Book) -> Iterable[tuple[str, list[AbiCell]]]:
    for test, result in book.results().items():
        if result.covered and not result.failed:
            yield test, [AbiCell(*cell) for cell in result.covered]


def _out_of_reach(checkout: Path, cell: Cell) -> Mapping[AbiCell, str]:
    file = checkout / _UNREACHABLE
    if not file.is_file():
        return {}
    try:
        capabilities = load_stack(cell.stack, list(cell.settings)).capabilities
    except HarnessError:
        capabilities = frozenset()
    return reasons(load_unreachable(file), capabilities)
