# SPDX-License-Identifier: BSD-3-Clause
"""``@pytest.mark.requires(capability)``: skip, with the reason, what a stack cannot do."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.launch.abilities import FOUND_OUT
from harness.plugin.session import cca_session
from harness.stack.capabilities import require_capability

_PREFIX = "not on this stack"
_BOARD = "not on a board of the lab"
_NOT = "no-"


def missing_capability(item: pytest.Item) -> str | None:
    """The reason why the stack cannot run this test, if there is one.

    Raises StackError for a capability that there is not: it would skip the test for ever.
    """
    wanted = [name for marker in item.iter_markers("requires") for name in marker.args]
    if not wanted:
        return None
    for name in wanted:
        require_capability(name.removeprefix(_NOT), FOUND_OUT, f"requires({name!r})")
    cca = cca_session(item.config)
    stack = cca.stack
    lacking = [name for name in sorted(set(wanted)) if not _has(stack.capabilities, name)]
    if not lacking:
        return None
    if cca.lacks.issuperset(lacking):
        return f"{_BOARD}: no {', '.join(lacking)}"
    return f"{_PREFIX}: {stack.name} has no capability {', '.join(lacking)}"


def _has(capabilities: frozenset[str], wanted: str) -> bool:
    """``no-X`` is a capability of every stack that lacks X."""
    if wanted in FOUND_OUT:  # the booted host is asked (harness.plugin.launching)
        return True
    if wanted.startswith(_NOT):
        return wanted.removeprefix(_NOT) not in capabilities
    return wanted in capabilities


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs what takes minutes."""
    parser.getgroup("cca").addoption(
        "--nightly",
        dest="cca_nightly",
        action="store_true",
        help="also run the tests marked nightly",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is for nights, or whose marker names a capability that the stack lacks."""
    if item.get_closest_marker("nightly") and not item.config.getoption("cca_nightly"):
        pytest.skip("for nights: run with --nightly")
    if reason := missing_capability(item):
        pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the skips by reason, so that none is silent."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        longrepr = report.longrepr
        text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        reasons[text.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("skipped, by reason")
        for reason, count in sorted(reasons.items()):
            terminalreporter.line(f"{count:5d}  {reason}")
