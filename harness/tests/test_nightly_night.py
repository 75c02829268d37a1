# SPDX-License-Identifier: BSD-3-Clause
"""Nights that run: reruns and rulings, budgets, resuming, what is written and what is kept."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.nightly import child
from harness.nightly.config import NightlyError
from harness.nightly.locks import locked
from harness.nightly.night import Night
from harness.report import write_reports
from harness.tests.night_checkout import QUARANTINE, ROOT, TESTS, Checkout

pytestmark = pytest.mark.slow

Make = Callable[..., Checkout]
Running = subprocess.Popen[bytes]
Wait = Callable[[Running, float], child.Ended]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CCA_CACHE", str(tmp_path / "cache"))
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words, **settings: Checkout(tmp_path / "checkout", *words, **settings)


def test_night_runs_failures_again_and_rules_what_they_are(make: Make) -> None:
    checkout = make()
    (checkout.folder / "quarantine.toml").write_text(QUARANTINE.format(until="2026-03-01"))
    night = checkout.night()
    results = checkout.results(night)
    assert {name: row.outcome for name, row in results.items()} == {
        "test_passes": "passed",
        "test_skips": "skipped",
        "test_fails": "failed",
        "test_flakes": "failed",
        "test_quarantined": "failed",
    }
    assert (results["test_fails"].kind, results["test_fails"].reruns) == (
        "deterministic",
        ("failed", "failed"),
    )
    assert (results["test_flakes"].kind, results["test_flakes"].reruns) == ("flake", ("passed",))
    assert "assert 1 == 2" in results["test_fails"].text
    assert results["test_skips"].text == "not on this stack: no reason at all"
    assert night.state == "done"
    # The entry is over: it excuses nothing, and it is an error to keep it.
    assert results["test_quarantined"].quarantine == ""
    [complaint] = night.facts["complaints"]
    assert complaint.startswith("quarantine of *::test_quarantined ended on 2026-03-01")
    summary = write_reports(checkout.config, checkout.history(), night.id, checkout.folder)
    assert summary.status == 1
    assert f"error: {complaint}" in summary.text
    written = {path.name for path in (checkout.folder / "nights" / night.id).iterdir()}
    assert {"report.html", "junit.xml", "results.jsonl", "kcidb.json", "cells"} <= written


WAITS = (
    TESTS
    + """

def test_waits():
    if once("waiting"):
        until = time.monotonic() + 600
        while time.monotonic() < until:
            time.sleep(0.1)  # an interrupt just before a sleep is seen at its end only
"""
)


def when_waiting(checkout: Checkout, then: Callable[[Running], child.Ended]) -> Wait:
    """In place of the wait for the budget: do something once a test waits."""

    def wait(process: Running, _budget_s: float) -> child.Ended:
        while not (checkout.folder / "testcases" / "waiting").exists():
            assert process.poll() is None
            time.sleep(0.05)
        return then(process)

    return wait


def test_budget_of_a_cell_ends_it_and_says_what_was_not_run(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = make(WAITS)

    def over(process: Running) -> child.Ended:
        child._interrupt(process)
        return child.Ended(process.returncode, over_budget=True)

    monkeypatch.setattr(child, "_wait", when_waiting(checkout, over))
    monkeypatch.setattr("harness.nightly.reruns.run_again", lambda *_: {})
    night = checkout.night()
    [cell] = checkout.history().cells(night.id)
    assert cell.state == "stopped"
    assert cell.message == "the budget of 5 min (or of the night) was used up"
    results = checkout.results(night)
    assert (results["test_passes"].outcome, results["test_waits"].outcome) == ("passed", "not run")
    assert results["test_fails"].kind == "not rerun"


def test_night_that_was_interrupted_goes_on_where_it_was(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = make(WAITS)

    def interrupt(_process: Running) -> child.Ended:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(child, "_wait", when_waiting(checkout, interrupt))
        patched.setattr(child, "GRACE_S", 0.1)
        with pytest.raises(KeyboardInterrupt):
            checkout.night()
    unfinished = checkout.history().unfinished()
    assert unfinished is not None
    night = checkout.night(resume=True)
    assert night.id == unfinished.id
    results = checkout.results(night)
    assert (results["test_passes"].outcome, results["test_waits"].outcome) == ("passed", "passed")
    [cell] = checkout.history().cells(night.id)
    assert (cell.state, cell.attempts, cell.planned) == ("done", 2, 6)
    [events] = (checkout.folder / "nights" / night.id).glob("cells/*/attempt-2/results.jsonl")
    assert "test_passes" not in events.read_text()


def test_pytest_that_is_killed_is_started_again(make: Make) -> None:
    killing = TESTS + (
        "\n\ndef test_kills():\n    if once('killed'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    checkout = make(killing)
    night = checkout.night()
    assert checkout.results(night)["test_kills"].outcome == "passed"
    assert checkout.history().cells(night.id)[0].attempts == 2


def test_cell_whose_stack_cannot_be_built_is_an_error_of_the_cell(make: Make) -> None:
    checkout = make()

    def prepare(_words: list[str]) -> None:
        raise StackError("no such rmm", hint="mend it")

    night = Night(
        checkout.config, checkout.history(), checkout.folder, prepare, checkout.said.append
    ).run(resume=False)
    [cell] = checkout.history().cells(night.id)
    assert (cell.state, cell.message) == ("error", "no such rmm\nhint: mend it")
    assert night.state == "done"


def test_pytest_that_cannot_start_is_an_error_with_its_words(make: Make) -> None:
    checkout = make("def broken(:\n")
    night = checkout.night()
    [cell] = checkout.history().cells(night.id)
    assert cell.state == "error"
    assert "SyntaxError" in cell.message


def test_second_nightly_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    wanted = rf"another nightly runs in .* \(process {os.getpid()}\)"
    with locked(tmp_path), pytest.raises(NightlyError, match=wanted), locked(tmp_path):
        pass


def test_folder_that_cannot_be_made_is_one_error(make: Make) -> None:
    checkout = make()
    (checkout.folder / "nights").write_text("a file")
    with pytest.raises(NightlyError, match="nights"):
        checkout.night()


def test_config_without_a_night_to_resume_begins_one(make: Make) -> None:
    checkout = make("def test_a(): pass\n")
    first, second = checkout.night(resume=True), checkout.night(resume=True)
    assert first.id != second.id
    assert [night.state for night in checkout.history().nights()] == ["done", "done"]
