# SPDX-License-Identifier: BSD-3-Clause
"""Options for whoever runs tests again: a fresh machine for each, only those not yet done."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import results
from harness.plugin.session import cca_session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("cca")
    group.addoption(
        "--fresh-machine",
        dest="cca_fresh",
        action="store_true",
        help="boot a machine for each test, also where the last one is proven clean",
    )
    group.addoption(
        "--continue-from",
        dest="cca_continue",
        action="append",
        default=[],
        metavar="FILE",
        help="leave out tests that have ended in a run that wrote FILE ($CCA_RESULTS)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Throw away what the last test left, if that was asked for."""
    cca = cca_session(item.config)
    if item.config.getoption("cca_fresh") and "keeper" in vars(cca):
        cca.keeper.retire()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has ended."""
    files: list[str] = config.getoption("cca_continue")
    if not files:
        return
    done = results.read(Path(file) for file in files).results()
    left_out = [item for item in items if item.nodeid in done]
    items[:] = [item for item in items if item.nodeid not in done]
    config.hook.pytest_deselected(items=left_out)
