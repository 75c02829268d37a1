# SPDX-License-Identifier: BSD-3-Clause
"""Nights step by step, with a pytest that writes what it is told: reruns, resuming, budgets."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.deadline import Deadline
from harness.errors import StackError
from harness.nightly import cell as cells
from harness.nightly import night as nights
from harness.nightly import reruns
from harness.nightly.bench import run_bench
from harness.nightly.cell import RESULTS, Place
from harness.nightly.child import Ended, run_child
from harness.nightly.commit import commit_of
from harness.nightly.config import BenchPlan, NightlyError
from harness.report import write_reports
from harness.results import CRASHED, append
from harness.tests.night_checkout import Checkout
from harness.tests.night_pytest import START_S, FakePytest, Run, ran

PASSED = ran({"a": "passed"})


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def place_of(checkout: Checkout) -> Place:
    folder = checkout.folder / "nights" / "n"
    return Place(checkout=checkout.folder, night="n", night_folder=folder, workers="0", seed=1)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ({}, "no test was selected"),
        ({"a": "lab", "b": "lab"}, "no test came to a result, each was a lab fault (2)"),
    ],
)
def test_night_that_tested_nothing_is_not_good(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, first: dict[str, str], message: str
) -> None:
    FakePytest.of(monkeypatch, ran(first), ran(first), ran(first))
    night = checkout.night()
    assert (checkout.cell(night).state, checkout.cell(night).message) == ("error", message)
    summary = write_reports(checkout.config, checkout.history(), night.id, checkout.folder)
    assert summary.status == 1
    assert "error: fake / all" in summary.text


def test_night_whose_lab_faults_pass_when_run_again_is_good(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakePytest.of(monkeypatch, ran({"a": "lab"}), PASSED)
    night = checkout.night()
    assert checkout.cell(night).state == "done"
    summary = write_reports(checkout.config, checkout.history(), night.id, checkout.folder)
    assert summary.status == 0


def test_test_that_kills_every_pytest_is_found_and_keeps_no_other_from_its_rerun(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {"a": "failed", "kills": "crash", "z": "failed"}
    again = {"a": "failed", "kills": "kills"}
    fake = FakePytest.of(monkeypatch, ran(first), ran(again), ran({"z": "passed"}), ran(again))
    night = checkout.night()
    kinds = {name: (row.kind, row.reruns) for name, row in checkout.results(night).items()}
    assert kinds == {
        "a": ("deterministic", ("failed", "failed")),
        "kills": ("deterministic", ("failed", "failed")),
        "z": ("flake", ("passed",)),
    }
    options = ["-n", "0", "--fresh-machine"]
    assert fake.words[1:] == [
        [*options, "a", "kills", "z"],
        [*options, "z"],
        [*options, "a", "kills"],
    ]


def test_rerun_that_ended_pytest_says_how(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakePytest.of(monkeypatch, ran({"a": "kills"}))
    [one] = checkout.config.cells
    [phase] = reruns.run_again(place_of(checkout), one, ["a"], 1, Deadline.after(60.0))["a"]
    assert (phase.phase, phase.outcome, phase.verdict) == (CRASHED, "failed", "lab")
    assert phase.text == "pytest ended with status -9 while it ran this test"


def test_pytest_of_reruns_that_does_not_start_is_not_tried_for_ever(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakePytest.of(monkeypatch, lambda _: Ended(-9, over_budget=False))
    [one] = checkout.config.cells
    assert reruns.run_again(place_of(checkout), one, ["a"], 2, Deadline.after(60.0)) == {"a": []}
    assert fake.runs == []


def test_budget_of_reruns_is_for_all_of_them(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    def slow(file: Path) -> Ended:
        clock.now_s += 250.0
        return ran({"a": "failed"})(file)

    fake = FakePytest.of(monkeypatch, slow, slow, slow)
    [one] = checkout.config.cells
    again = reruns.run_again(place_of(checkout), one, ["a"], 9, Deadline.after(600.0, clock))
    assert fake.budgets == [600.0, 350.0, 100.0]
    assert len(again["a"]) == 3


def interrupted(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> str:
    """A night whose first test has passed; its id."""
    FakePytest.of(monkeypatch, ran({"a": "passed", "b": "interrupts"}))
    with pytest.raises(KeyboardInterrupt):
        checkout.night()
    unfinished = checkout.history().unfinished()
    assert unfinished is not None
    return unfinished.id


@pytest.mark.parametrize(
    ("now", "same", "said"),
    [
        ("1" * 40, True, []),
        ("2" * 40, False, ["is of 111111111111, this is 222222222222: a new one begins"]),
        ("", False, ["is of 111111111111, this is no commit: a new one begins"]),
    ],
)
def test_night_goes_on_only_at_its_own_commit(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, now: str, same: bool, said: list[str]
) -> None:
    monkeypatch.setattr(nights, "commit_of", lambda _: {"commit": "1" * 40, "subject": "One"})
    first = interrupted(checkout, monkeypatch)
    fake = FakePytest.of(monkeypatch, ran({"b": "passed"} if same else {"c": "passed"}))
    monkeypatch.setattr(nights, "commit_of", lambda _: {"commit": now, "subject": "Two"})
    night = checkout.night(resume=True)
    assert fake.runs == []
    assert (night.id == first) is same
    assert night.facts["commit"] == ("1" * 40 if same else now)
    assert set(checkout.results(night)) == ({"a", "b"} if same else {"c"})
    assert checkout.said[:-1] == [f"night {first} {line}" for line in said]
    states = [row.state for row in checkout.history().nights()]
    assert states == (["done"] if same else ["done", "interrupted"])


def test_commit_is_gits_or_what_a_ci_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_SHA", "CI_COMMIT_SHA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert commit_of(tmp_path) == {}
    monkeypatch.setenv("CI_COMMIT_SHA", "abc")
    assert commit_of(tmp_path) == {"commit": "abc", "subject": ""}
    own = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run([*own, *words], check=True)
    assert commit_of(tmp_path)["subject"] == "Begin"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_of(tmp_path)["commit"] == "abc"


def test_results_stay_where_the_stack_cannot_be_built_any_more(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(checkout, monkeypatch)

    def prepare(_words: list[str]) -> None:
        raise StackError("the mirror is down")

    night = checkout.night(resume=True, prepare=prepare)
    outcomes = {name: row.outcome for name, row in checkout.results(night).items()}
    assert outcomes == {"a": "passed", "b": "not run"}
    cell = checkout.cell(night)
    assert (cell.state, cell.planned, cell.message) == ("stopped", 2, "the mirror is down")


def test_time_of_a_cell_that_was_killed_is_what_its_file_says(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = interrupted(checkout, monkeypatch)
    history = checkout.history()
    [row] = history.cells(first)
    assert row.state == "pending"  # an interrupt has booked it
    history.save_cell(replace(row, state="running", used_s=0.0))
    folder = checkout.folder / "nights" / first / "cells"
    [file] = folder.glob(f"*/attempt-1/{RESULTS}")
    os.utime(file, (START_S + 100.0, START_S + 100.0))
    fake = FakePytest.of(monkeypatch, ran({"b": "passed"}))
    night = checkout.night(resume=True, clock=Clock())
    assert fake.budgets == [5 * 60.0 - 100.0]
    assert checkout.cell(night).used_s == 100.0


def test_time_of_an_attempt_that_was_killed_in_its_first_setup_is_until_its_last_sign_of_life(
    checkout: Checkout,
) -> None:
    [one] = checkout.config.cells
    place = place_of(checkout)
    file = place.folder(one) / "attempt-1" / RESULTS
    console = file.parent / "runs" / "machine" / "console.log"
    console.parent.mkdir(parents=True)
    for time_s in (START_S + 2.0, START_S):
        append(file, "start", test=str(time_s), time_s=time_s)
    console.touch()
    os.utime(file, (START_S + 3.0, START_S + 3.0))
    os.utime(console, (START_S + 100.0, START_S + 100.0))
    assert cells.span_s(file.parent) == 100.0


def test_attempt_that_was_killed_before_it_had_a_folder_is_none(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = interrupted(checkout, monkeypatch)
    history = checkout.history()
    [row] = history.cells(first)
    history.save_cell(replace(row, state="running", attempts=2, used_s=10.0))
    FakePytest.of(monkeypatch, ran({"b": "passed"}))
    cell = checkout.cell(checkout.night(resume=True, clock=Clock()))
    assert (cell.attempts, cell.used_s) == (2, 10.0)


def cut_after(span_s: float, outcomes: dict[str, str]) -> Run:
    """Tests of which one ends the nightly; until then they take that long."""

    def write(file: Path) -> Ended:
        try:
            return ran(outcomes)(file)
        finally:
            os.utime(file, (START_S + span_s, START_S + span_s))

    return write


def test_reruns_that_are_cut_short_have_used_their_time(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, cut = ran({"a": "failed"}), cut_after(200.0, {"a": "interrupts"})
    fake = FakePytest.of(monkeypatch, first, cut, cut, ran({}))
    for resume in (False, True):
        with pytest.raises(KeyboardInterrupt):
            checkout.night(resume=resume, clock=Clock())
    night = checkout.night(resume=True, clock=Clock())
    assert fake.budgets[1:] == [600.0, 400.0, 200.0]
    assert checkout.cell(night).used_s == 400.0


def test_reruns_that_were_cut_short_go_on(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ran({"a": "failed", "b": "failed", "c": "failed"})
    cut = cut_after(1.0, {"a": "passed", "b": "failed", "c": "interrupts"})
    second = ran({"c": "failed"}), ran({"b": "failed", "c": "passed"})
    fake = FakePytest.of(monkeypatch, first, cut, *second)
    with pytest.raises(KeyboardInterrupt):
        checkout.night()
    again = {
        name: row.reruns for name, row in checkout.results(checkout.night(resume=True)).items()
    }
    assert again == {"a": ("passed",), "b": ("failed", "failed"), "c": ("failed", "passed")}
    assert [words[3:] for words in fake.words[1:]] == [["a", "b", "c"], ["c"], ["b", "c"]]


def test_attempt_that_wrote_nothing_took_no_time(checkout: Checkout) -> None:
    assert cells.span_s(checkout.folder / "attempt-1") == 0.0


def test_building_stacks_counts_for_the_night(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    fake = FakePytest.of(monkeypatch, PASSED)

    def prepare(_words: list[str]) -> None:
        clock.now_s += checkout.config.budget_s

    night = checkout.night(prepare=prepare, clock=clock)
    assert fake.budgets == []
    cell = checkout.cell(night)
    assert (cell.state, cell.used_s) == ("not run", 0.0)
    assert cell.message == "the night's budget was used up before"
    assert night.facts["beside_s"] == checkout.config.budget_s


def test_nothing_is_built_for_a_cell_that_has_no_time(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakePytest.of(monkeypatch)
    text = checkout.file.read_text().replace("workers = 0", "workers = 0\nbudget_min = 0.01")
    checkout.file.write_text(text)
    night = checkout.night()
    assert checkout.cell(night).state == "not run"
    assert checkout.prepared == []


def test_figures_count_for_the_night(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = "[[bench]]\nstack = 'one'\n[[bench]]\nstack = 'two'\n"
    checkout.file.write_text(checkout.file.read_text() + plans)
    FakePytest.of(monkeypatch, PASSED)
    clock, measured = Clock(), []

    def measure(*words: object) -> list[object]:
        measured.append(words[-1])
        clock.now_s += checkout.config.budget_s
        return []

    monkeypatch.setattr("harness.nightly.bench.run_bench", measure)
    night = checkout.night(clock=clock)
    assert measured == [600.0]
    assert night.facts["beside_s"] == checkout.config.budget_s


def test_budget_that_is_up_before_anything_was_collected_is_no_good_cell(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakePytest.of(monkeypatch, lambda _: Ended(2, over_budget=True))
    assert checkout.cell(checkout.night()).state == "stopped"


def test_wrong_quarantine_begins_no_night(checkout: Checkout) -> None:
    (checkout.folder / "quarantine.toml").write_text("[[quarantine]]\nname = 'x'\n")
    with pytest.raises(NightlyError, match="entry 1: name is not a key"):
        checkout.night()
    assert checkout.history().nights() == []


WANTED = r" cannot be written: Not a directory\nhint: free space there, or let \[night\] folder"


def test_folder_of_a_cell_that_cannot_be_made_is_one_error(checkout: Checkout) -> None:
    [one] = checkout.config.cells
    place = place_of(checkout)
    place.night_folder.parent.mkdir()
    place.night_folder.touch()
    with pytest.raises(NightlyError, match=f"/attempt-1{WANTED}"):
        cells.run_attempt(place, one, 60.0)


def test_folder_of_figures_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "n").touch()
    plan = BenchPlan(stack="a", settings=(), samples=1, budget_s=60.0)
    with pytest.raises(NightlyError, match=f"/n/bench{WANTED}"):
        run_bench(tmp_path, "n", tmp_path / "n", plan, 60.0)


def test_log_that_cannot_be_opened_is_not_a_program_that_cannot_be_started(
    tmp_path: Path,
) -> None:
    (tmp_path / "n").touch()
    with pytest.raises(NightlyError, match=f"/n/log{WANTED}"):
        run_child(["true"], tmp_path, tmp_path / "n" / "log", 60.0)
