# SPDX-License-Identifier: BSD-3-Clause
"""ABI coverage in a pytest of its own: who counts, what the summary says, the threshold."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from harness.coverage import Totals
from harness.plugin import session
from harness.plugin.keeper import MachineKeeper
from harness.tests.plugin_fakes import FakeMachines
from harness.tests.stack_fakes import write_stack

pytest_plugins = ["pytester"]

HEAD = """
import pytest
from harness import coverage
from harness.rmi import Fails, Succeeds
"""
COVERING = """
def test_covers(ns):
    pa = ns.page()
    assert ns.rmi.granule_delegate(pa + 1) == Fails("gran_align")
    assert ns.rmi.granule_delegate(pa) == Succeeds()
    assert ns.rmi.granule_undelegate(pa) == Succeeds()
"""
NOT_COUNTING = """
def test_fails(ns):
    coverage.record("RMI_REC_CREATE", "rd_align")
    assert False

@pytest.mark.xfail(strict=True)
def test_fails_as_expected(ns):
    coverage.record("RMI_REC_CREATE", "rd_bound")
    assert False

@pytest.fixture
def broken():
    yield
    assert False

def test_cannot_be_torn_down(ns, broken):
    coverage.record("RMI_REC_CREATE", "rd_state")

def test_uses_no_machine():
    coverage.record("RMI_REC_CREATE", "rec_align")
"""


class Inner:
    """Runs ``testcases/test_it.py`` under the plugin, on fake machines."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.stack = write_stack(pytester.mkdir("stack"), '[capabilities]\nrmi = "1.0"')
        pytester.makeconftest('pytest_plugins = ["harness.plugin"]')
        pytester.makeini("[pytest]\ntestpaths = testcases")
        pytester.mkdir("testcases")

    def run(self, source: str, *arguments: str) -> pytest.RunResult:
        (self.pytester.path / "testcases" / "test_it.py").write_text(HEAD + source)
        words = ("-p", "no:cacheprovider", "--runs", str(self.pytester.path / "runs"))
        return self.pytester.runpytest_inprocess("--stack", str(self.stack), *words, *arguments)

    def covered(self) -> dict[str, list[str]]:
        """Tests by cell, of those that have any."""
        file = self.pytester.path / "runs" / "latest" / "coverage.json"
        found = json.loads(file.read_text())["cells"]
        return {f"{c['command']} {c['condition']}": c["tests"] for c in found if c["tests"]}


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Inner:
    monkeypatch.setenv("CCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    boot = FakeMachines().boot
    monkeypatch.setattr(session, "MachineKeeper", partial(MachineKeeper, boot=boot))
    return Inner(pytester)


def test_cells_and_tests_are_written(inner: Inner) -> None:
    result = inner.run(COVERING)
    result.assert_outcomes(passed=1)
    test = "testcases/test_it.py::test_covers"
    assert inner.covered() == {
        "RMI_GRANULE_DELEGATE success": [test],
        "RMI_GRANULE_DELEGATE gran_align": [test],
        "RMI_GRANULE_UNDELEGATE success": [test],
    }
    assert test in (inner.pytester.path / "runs" / "latest" / "coverage.html").read_text()


def test_only_tests_that_passed_on_a_machine_count(inner: Inner) -> None:
    inner.run(COVERING + NOT_COUNTING)
    assert {name.split()[0] for name in inner.covered()} == {
        "RMI_GRANULE_DELEGATE",
        "RMI_GRANULE_UNDELEGATE",
    }


def test_run_of_everything_lists_what_is_uncovered(inner: Inner) -> None:
    result = inner.run(COVERING)
    result.stdout.fnmatch_lines(
        [
            "*= ABI coverage =*",
            "RMI * % (3 of *), RSI 0.0 % (0 of *), exits 0.0 % (0 of *)",
            "* reachable but not covered:",
            "  RMI_VERSION success: RMI_SUCCESS, *",
            "  and * more",
            f"which test covers what: {inner.pytester.path}/runs/*/coverage.html",
        ]
    )


@pytest.mark.parametrize("arguments", [("-k", "covers"), ("testcases/test_it.py",)])
def test_selection_has_no_gaps(inner: Inner, arguments: tuple[str, ...]) -> None:
    result = inner.run(COVERING, *arguments)
    result.stdout.fnmatch_lines(["RMI * % (3 of *"])
    result.stdout.no_fnmatch_line("*reachable but not covered*")


def test_run_without_machines_says_nothing(inner: Inner) -> None:
    result = inner.run("def test_it(): pass")
    result.stdout.no_fnmatch_line("*coverage*")
    assert not (inner.pytester.path / "runs" / "latest" / "coverage.json").exists()


@pytest.mark.parametrize(("threshold", "code"), [("0", 0), ("0.5", 0), ("100", 1)])
def test_threshold_decides_the_exit_status(inner: Inner, threshold: str, code: int) -> None:
    result = inner.run(COVERING, "--fail-under-coverage", threshold)
    result.assert_outcomes(passed=1)
    assert result.ret == code
    if code:
        result.stdout.fnmatch_lines(["FAILED: 1.? % covered, wanted 100 %"])


@pytest.mark.parametrize("threshold", ["101", "-1", "most"])
def test_threshold_is_a_percentage(inner: Inner, threshold: str) -> None:
    assert inner.run(COVERING, f"--fail-under-coverage={threshold}").ret == 4


def test_cells_out_of_reach_are_left_out(inner: Inner) -> None:
    everything = Totals(3, 3, 0)
    file = inner.pytester.path / "testcases" / "unreachable.toml"
    file.write_text(
        '[[unreachable]]\ncommand = "*"\ncondition = "*"\nreason = "so"\nwithout = "realms"\n'
    )
    result = inner.run(COVERING, "--fail-under-coverage", "100")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            f"RMI {everything}, RSI 100.0 % (0 of 0), exits 100.0 % (0 of 0)",
            "RMI_GRANULE_DELEGATE success was reached: take it out of testcases/unreachable.toml",
        ]
    )


def test_wrong_entry_ends_the_session_at_once(inner: Inner) -> None:
    file = inner.pytester.path / "testcases" / "unreachable.toml"
    file.write_text('[[unreachable]]\ncommand = "RMI_NONE"\ncondition = "*"\nreason = "so"\n')
    result = inner.run(COVERING)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "unreachable.toml: RMI_NONE *: there is no such command" in result.stderr.str()


def test_workers_add_up(inner: Inner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells travel with the reports; here with a test that needs no machine to record them."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    (inner.pytester.path / "conftest.py").write_text(
        'import pytest\npytest_plugins = ["harness.plugin"]\n'
        "@pytest.fixture\ndef cca_running(): pass\n"
    )
    tests = """
@pytest.mark.parametrize("condition", ["gran_align", "gran_bound", "gran_state", "gran_gpt"])
def test_covers(cca_running, condition):
    coverage.record("RMI_GRANULE_DELEGATE", condition)
"""
    result = inner.run(tests, "-n", "2", "-p", "no:randomly")
    result.assert_outcomes(passed=4)
    assert [len(tests) for tests in inner.covered().values()] == [1, 1, 1, 1]


def test_threshold_adds_nothing_to_a_wrong_stack(inner: Inner) -> None:
    result = inner.run(COVERING, "--fail-under-coverage", "100", "--set", "rmm.image=missing.img")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
