# SPDX-License-Identifier: BSD-3-Clause
"""Which parts of the ABI tables a run has asserted: the cells, who covered them, the pages.

Whoever judges an answer calls :func:`record`; the comparison of a result with ``Succeeds``
or ``Fails`` does it by itself. Nothing is kept unless somebody collects.
"""

from harness.coverage.cells import EXITS, SUCCESS, Cell, Row, rows
from harness.coverage.exits import exit_cell, record_exit
from harness.coverage.recorder import begin, claim, claims, record, take
from harness.coverage.tally import Tally, Totals
from harness.coverage.unreachable import Unreachable, load_unreachable

__all__ = [
    "EXITS",
    "SUCCESS",
    "Cell",
    "Row",
    "Tally",
    "Totals",
    "Unreachable",
    "begin",
    "claim",
    "claims",
    "exit_cell",
    "load_unreachable",
    "record",
    "record_exit",
    "rows",
    "take",
]
