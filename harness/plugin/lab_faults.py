# SPDX-License-Identifier: BSD-3-Clause
"""Faults of a lab: a test that met one runs again elsewhere.

A lab fault (the place was taken away, its serial server died, the board hangs) ends the test at
once, and the test runs again on another place: the fault says nothing about the stack. It is
shown and counted as "lab fault"; only a test that met ``MOST_ATTEMPTS`` of them fails by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.lab import NoPlace, NotOnBoard
from harness.plugin.lab import LAB, LabRun, blame

MOST_ATTEMPTS = 4

_FAULT = "lab fault"
_WHY = "cca_lab_why"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Tell what the lab is to blame for from what the stack is."""
    with _judged(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Tell what the lab is to blame for from what the stack is."""
    with _judged(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Tell what the lab is to blame for from what the stack is."""
    with _judged(item):
        return (yield)


@contextmanager
def _judged(item: pytest.Item) -> Iterator[None]:
    lab = item.config.stash.get(LAB, None)
    if lab is None:
        yield
        return
    board = lab.board
    try:
        yield
    except NotOnBoard as reason:
        pytest.skip(reason.message)
    except (pytest.skip.Exception, KeyboardInterrupt):
        raise
    except BaseException as problem:
        board = board or lab.board
        fault = blame(board, problem) if board is not None else None
        lab.note(fault or problem)
        if fault is not None and fault is not problem:
            raise fault from problem
        raise


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test, and run it again on another place after a lab fault."""
    lab = item.config.stash.get(LAB, None)
    if lab is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        if not _attempt(lab, item, nextitem, last=attempt == MOST_ATTEMPTS):
            break
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    if nextitem is None:
        lab.give_back()  # others may wait for the place
    return True


def _attempt(lab: LabRun, item: pytest.Item, nextitem: pytest.Item | None, *, last: bool) -> bool:
    """Run a test once; tell whether it is to run again."""
    lab.begin()
    runner = item.config.pluginmanager.getplugin("runner")
    assert runner is not None
    reports = runner.runtestprotocol(item, nextitem=nextitem, log=False)
    fault = lab.fault
    again = fault is not None and not last and not isinstance(fault, NoPlace)
    for report in reports:
        failed = report.failed
        if again and failed:
            setattr(report, "outcome", _FAULT)  # noqa: B010 - not one of pytest's own
            setattr(report, _WHY, fault.message if fault else "")
        item.ihook.pytest_runtest_logreport(report=report)
        if again and failed:
            break
    if fault is not None:
        lab.drop(fault)
        if isinstance(fault, NoPlace):
            item.session.shouldfail = "no place of the lab could be had, the rest was not run"
    return again


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Show an attempt that the lab ended."""
    if hasattr(report, _WHY):
        return _FAULT, "L", ("LAB FAULT", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the lab faults that were got over."""
    reports = terminalreporter.getreports(_FAULT)
    if reports:
        terminalreporter.section("lab faults, run again elsewhere")
        for report in reports:
            terminalreporter.line(f"{report.nodeid}: {getattr(report, _WHY, '')}")
