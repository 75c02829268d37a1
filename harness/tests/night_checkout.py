# SPDX-License-Identifier: BSD-3-Clause
"""A checkout of nothing but a few tests, for nights that really run pytest, without a QEMU."""

from __future__ import annotations

import time
from pathlib import Path

from harness.deadline import Clock
from harness.nightly.config import NightConfig, load_config
from harness.nightly.history import History
from harness.nightly.night import HISTORY, Night, Prepare
from harness.nightly.rows import CellRow, NightRow, ResultRow
from harness.tests.stack_fakes import write_stack

ROOT = Path(__file__).resolve().parents[2]

TESTS = """
import os
import signal
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def once(name):
    mark = HERE / name
    if mark.exists():
        return False
    mark.touch()
    return True


def test_passes():
    pass


def test_skips():
    pytest.skip("not on this stack: no reason at all")


def test_fails():
    assert 1 == 2


def test_flakes():
    assert not once("flaked")


def test_quarantined():
    assert 3 == 4
"""

CONFIG = """
[night]
folder = "nights"
workers = 0
reruns = 2
[stack.fake]
file = "{stack}"
[profile.all]
budget_min = {budget_min}
[[cells]]
stack = "fake"
profile = "all"
"""

QUARANTINE = """
[[quarantine]]
test = "*::test_quarantined"
since = 2026-01-01
until = {until}
reason = "slow"
"""


class Checkout:
    """A folder with tests, a configuration, and the nights made of them."""

    def __init__(self, folder: Path, tests: str = TESTS, *, budget_min: float = 5) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.prepared: list[list[str]] = []
        (folder / "testcases").mkdir(parents=True)
        (folder / "testcases" / "test_some.py").write_text(tests)
        (folder / "conftest.py").write_text('pytest_plugins = ["harness.plugin"]\n')
        (folder / "pytest.ini").write_text("[pytest]\n")
        self.stack = write_stack(folder)
        self.file = folder / "nightly.toml"
        self.file.write_text(CONFIG.format(stack=self.stack, budget_min=budget_min))

    @property
    def config(self) -> NightConfig:
        config = load_config(self.file)
        object.__setattr__(config, "folder", self.folder / "nights")
        return config

    def history(self) -> History:
        return History(self.folder / "nights" / HISTORY)

    def night(
        self,
        *,
        resume: bool = False,
        prepare: Prepare | None = None,
        clock: Clock = time.monotonic,
    ) -> NightRow:
        """Run one to its end."""
        history = self.history()
        build = prepare or self.prepared.append
        try:
            night = Night(self.config, history, self.folder, build, self.said.append, clock)
            return night.run(resume=resume)
        finally:
            history.close()

    def cell(self, night: NightRow) -> CellRow:
        """Its only cell."""
        history = self.history()
        try:
            [cell] = history.cells(night.id)
            return cell
        finally:
            history.close()

    def results(self, night: NightRow) -> dict[str, ResultRow]:
        """What the tests did, by the name of the function."""
        history = self.history()
        try:
            return {row.test.rpartition("::")[2]: row for row in history.results(night.id)}
        finally:
            history.close()
