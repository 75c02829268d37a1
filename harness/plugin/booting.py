# SPDX-License-Identifier: BSD-3-Clause
"""The machine that a test gets; a stack that does not boot ends the session, not each test.

Workers tell each other through two files of the run folder: once ``.booted`` is there, a
boot that fails concerns one test only; the first worker to make ``.not-booted`` reports,
the others have nothing to add.
"""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.plugin.cores import keep_core
from harness.plugin.keeper import Running
from harness.plugin.session import CcaSession, cca_session

MOST_FAILURES = 3
"""Boots that may fail one after the other on a worker of a stack that did boot before."""

_BOOTED = ".booted"
_NOT_BOOTED = ".not-booted"


def acquire(item: pytest.Item) -> Running:
    """Return a booted, clean machine.

    If no machine of this run has booted yet and this one does not, or if it is the third
    in a row, no further test is run: the error of the boot is the result of the session.
    """
    cca = cca_session(item.config)
    boots = cca.keeper.boots
    try:
        running = cca.keeper.acquire()
    except HarnessError as error:
        if cca.keeper.boots > boots and error.verdict != "lab":
            _count_failure(item, cca)
        raise
    if cca.keeper.boots > boots:
        cca.failed_boots = 0
        _claim(cca, _BOOTED)
    if cca.boot is None:  # a board, or a host, is nobody's core
        keep_core(item, running.machine.pid)
    return running


def _count_failure(item: pytest.Item, cca: CcaSession) -> None:
    cca.failed_boots += 1
    if not (cca.run.path / _BOOTED).exists():
        item.session.shouldfail = "the stack does not boot, the rest was not run"
        if not _claim(cca, _NOT_BOOTED):
            pytest.skip("not run: the stack does not boot, as another worker reports")
    elif cca.failed_boots >= MOST_FAILURES:
        count = f"{MOST_FAILURES} machines one after the other"
        item.session.shouldfail = f"{count} did not boot, the rest was not run"


def _claim(cca: CcaSession, name: str) -> bool:
    """Make a file of the run folder; tell whether no other worker had made it."""
    try:
        (cca.run.path / name).open("x").close()
    except FileExistsError:
        return False
    except OSError:  # a disk that is full: better reported twice than not at all
        return True
    return True
