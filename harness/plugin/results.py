# SPDX-License-Identifier: BSD-3-Clause
"""``$CCA_RESULTS`` names a file that says what every test does while it does it.

Lines are written by the controller alone (``harness.results`` has the format), so that a file
of a run with many workers is one story, and is there whatever ends the run.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from harness import capacity
from harness.errors import ConsoleTimeout, LinkTimeout
from harness.plugin.session import cca_session
from harness.results import FILE_VARIABLE, Phase, append, append_phase
from harness.shell import ShellTimeout
from harness.tap import TapTimeout

FACTS = "cca_facts"
"""Attribute of a failed report: verdict, deadline, folder, timeline, command
(``harness.plugin.report``)."""

_COVERED = "cca_covered"
_LONGEST_TEXT = 6000
_DEADLINE_ERRORS = (ConsoleTimeout, LinkTimeout, ShellTimeout, TapTimeout, TimeoutError)


def pytest_configure(config: pytest.Config) -> None:
    """The controller alone writes, and only where a file is named."""
    target = os.environ.get(FILE_VARIABLE)
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Writer(config, Path(target)), "cca-results")


class Writer:
    """Appends what the hooks tell."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self.config = config
        self.path = path
        self._planned = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without workers the controller knows the tests itself."""
        if session.items:
            self._plan([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Workers collect the same: the first is enough."""
        self._plan(ids)

    def _plan(self, tests: list[str]) -> None:
        if self._planned:
            return
        self._planned = True
        append(self.path, "planned", tests=tests)
        cca = cca_session(self.config)
        if "built" in vars(cca):
            append(self.path, "stack", hash=cca.built.hash, versions=dict(cca.built.versions))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        append(self.path, "start", test=nodeid, time_s=time.time())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase has ended."""
        append_phase(self.path, make_phase(report))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """The session came to its end."""
        append(self.path, "end", status=int(session.exitstatus))


def make_phase(report: pytest.TestReport) -> Phase:
    """What a report says, with the reason of a skip and the text of a failure."""
    facts: dict[str, str] = getattr(report, FACTS, {})
    outcome = _outcome(report)
    return Phase(
        test=report.nodeid,
        phase=str(report.when),
        outcome=outcome,
        duration_s=round(report.duration, 4),
        start_s=getattr(report, "start", 0.0) or time.time(),
        worker=_worker(report),
        text=_text(report, outcome),
        load=capacity.load_now() if outcome == "failed" else {},
        covered=getattr(report, _COVERED, []),
        **facts,
    )


def missed_deadline(error: BaseException | None) -> str:
    """Return "yes" if an error, or what it came from, is that something took too long; else "".

    What is raised for that has a type of its own, or comes from a TimeoutError.
    """
    while error is not None and not isinstance(error, _DEADLINE_ERRORS):
        error = error.__cause__
    return "yes" if error is not None else ""


def _outcome(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return str(report.outcome)


def _worker(report: pytest.TestReport) -> str:
    node: Any = getattr(report, "node", None)
    return str(node.gateway.id) if node is not None else ""


def _text(report: pytest.TestReport, outcome: str) -> str:
    if outcome == "skipped" and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    if outcome in ("xfailed", "xpassed"):
        return str(getattr(report, "wasxfail", ""))
    if outcome != "failed":
        return ""
    own = [text for name, text in report.sections if name == "cca"]
    return "\n".join([report.longreprtext[-_LONGEST_TEXT:], *own])
