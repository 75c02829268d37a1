# SPDX-License-Identifier: BSD-3-Clause
"""ABI coverage of a session: each test's cells travel with its last report to the controller.

What a test recorded counts if it passed and used a machine. ``coverage.html`` and
``coverage.json`` in the run folder say which tests cover what.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path

import pytest

from harness import coverage
from harness.artifacts import write_json
from harness.coverage import Cell, Tally, Unreachable, load_unreachable, page
from harness.coverage.tally import shown_percent
from harness.coverage.unreachable import reasons
from harness.errors import HarnessError
from harness.plugin.fixtures import FAILED
from harness.plugin.session import cca_session

_CARRIED = "cca_covered"
_UNREACHABLE = Path("testcases") / "unreachable.toml"
_SHOWN_CELLS = 12
_SELECTING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "maxfail")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the threshold."""
    parser.getgroup("cca").addoption(
        "--fail-under-coverage",
        dest="cca_fail_under",
        type=percentage,
        default=None,
        metavar="PERCENT",
        help="fail if tests assert less than this of the reachable ABI (commands x conditions, "
        "REC exits)",
    )


def percentage(text: str) -> float:
    """Argument type: 0 to 100."""
    value = float(text)
    if not 0 <= value <= 100:
        raise ValueError(f"{text} is not a percentage")
    return value


def pytest_configure(config: pytest.Config) -> None:
    """The controller alone adds up."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(config), "cca-coverage")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Collect from here on, if the test uses a machine."""
    if "cca_running" in getattr(item, "fixturenames", ()):
        coverage.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the last report of a test that passed carry what it covered."""
    report = yield
    if call.when == "teardown":
        cells = coverage.take()
        if cells and report.passed and not item.stash.get(FAILED, False):
            setattr(report, _CARRIED, [list(cell) for cell in cells])
    return report


class Collector:
    """Adds up what the reports carry, says how much it is, writes the pages."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.problem = ""
        self._carried: list[tuple[str, list[Cell]]] = []
        self._unreachable: Sequence[Unreachable] = ()

    def pytest_sessionstart(self) -> None:
        """Read what cannot be reached; an entry that is wrong ends the session here."""
        path = self.config.rootpath / _UNREACHABLE
        try:
            self._unreachable = load_unreachable(path) if path.is_file() else ()
        except (HarnessError, ValueError) as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test covered."""
        carried = getattr(report, _CARRIED, None)
        if carried:
            self._carried.append((report.nodeid, [Cell(*cell) for cell in carried]))

    @cached_property
    def tally(self) -> Tally:
        """The sum, once all tests are done."""
        try:
            capabilities = cca_session(self.config).stack.capabilities
        except HarnessError:  # there is no stack: that is said elsewhere
            capabilities = frozenset()
        tally = Tally(reasons(self._unreachable, capabilities))
        for test, cells in self._carried:
            tally.add(test, cells)
        return tally

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the pages; fail below the threshold."""
        if self._carried:
            try:
                self._write()
            except OSError as problem:
                self.problem = f"the pages could not be written: {problem}"
        if session.exitstatus == pytest.ExitCode.OK and self._shortfall():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how much is covered; after a run of everything also what is not."""
        if not self._carried and not self._shortfall():
            return
        terminalreporter.section("ABI coverage")
        families = self.tally.families()
        shown = ", ".join(f"{family} {self.tally.totals(family)}" for family in families)
        terminalreporter.line(shown)
        if self._is_everything():
            for line in uncovered_lines(self.tally):
                terminalreporter.line(line)
        for cell in self.tally.refuted():
            terminalreporter.line(f"{cell} was reached: take it out of {_UNREACHABLE}")
        if shortfall := self._shortfall():
            terminalreporter.line(shortfall, red=True)
        if self._carried:
            page_file = cca_session(self.config).run.path / "coverage.html"
            terminalreporter.line(self.problem or f"which test covers what: {page_file}")

    def _shortfall(self) -> str:
        """How far below the threshold the sum is; empty if it is not, or there is none."""
        wanted: float | None = self.config.getoption("cca_fail_under")
        if wanted is None or self.config.getoption("collectonly"):
            return ""
        percent = self.tally.totals().percent
        if percent >= wanted:
            return ""
        return f"FAILED: {shown_percent(percent)} covered, wanted {wanted:g} %"

    def _is_everything(self) -> bool:
        """All test cases were asked for: what is uncovered then is a gap, not a choice."""
        config = self.config
        tests = config.rootpath / "testcases"
        paths = [(config.invocation_params.dir / arg).resolve() for arg in config.args]
        asked = any(path == tests or path in tests.parents for path in paths)
        return asked and not any(config.getoption(name, None) for name in _SELECTING)

    def _write(self) -> None:
        cca = cca_session(self.config)
        facts = {
            "stack": f"{cca.stack.name} {cca.built.hash[:12]}",
            "capabilities": ", ".join(sorted(cca.stack.capabilities)),
            "run folder": str(cca.run.path),
        }
        html = page.render(self.tally, facts)
        (cca.run.path / "coverage.html").write_text(html, encoding="utf-8")
        write_json(cca.run.path / "coverage.json", self.tally.as_json())


def uncovered_lines(tally: Tally) -> list[str]:
    """The reachable cells without a test, the first of many."""
    missing = tally.uncovered()
    lines = [f"  {row.cell}: {row.answer}, {row.when}".rstrip(", ") for row in missing]
    if not lines:
        return []
    more = [f"  and {len(lines) - _SHOWN_CELLS} more"] if len(lines) > _SHOWN_CELLS else []
    return [f"{len(lines)} reachable but not covered:", *lines[:_SHOWN_CELLS], *more]
