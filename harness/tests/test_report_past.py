# SPDX-License-Identifier: BSD-3-Clause
"""What a failure counts as after nights that say nothing of it; what is mended; how far back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.nightly.history import History
from harness.nightly.rows import BenchRow, CellRow, NightRow, ResultRow
from harness.report.data import FIGURE_NIGHTS, Failure, ReportData, gather
from harness.tests.night_story import DAY_S, FIRST_S

Did = tuple[str, str]
"""Outcome and kind of the one test in a night."""

PASSED: Did = ("passed", "")
FAILED: Did = ("failed", "deterministic")
FLAKE: Did = ("failed", "flake")
LAB: Did = ("failed", "lab fault")
SILENT: list[Did] = [LAB, ("failed", "host overload"), ("not run", ""), ("skipped", "")]


def nights(folder: Path, *did: Did, figures: Sequence[float] = ()) -> ReportData:
    """What the report of the last of these nights says."""
    history = History(folder / "history.sqlite")
    for number, (outcome, kind) in enumerate(did):
        name, start_s = f"night-{number:03}", FIRST_S + number * DAY_S
        cell = CellRow(night=name, name="embedded", axes={}, state="done")
        history.begin(NightRow(id=name, started_s=start_s, seed=1, facts={}), [cell])
        result = ResultRow(
            night=name, cell=cell.name, test="a.py::test_it", outcome=outcome, kind=kind
        )
        history.save_cell(cell, [result])
        for value in figures[number : number + 1]:
            figure = BenchRow(
                night=name, stack="embedded", name="boot", unit="s", median=value, samples=()
            )
            history.save_bench([figure])
        history.finish(name, "done")
    data = gather(history, folder, name)
    history.close()
    return data


def failure(folder: Path, *did: Did) -> Failure:
    """What the failure of the last of these nights counts as."""
    [found] = nights(folder, *did).failures
    return found


@pytest.mark.parametrize("silent", SILENT)
def test_known_failure_stays_known_after_a_night_that_says_nothing(
    tmp_path: Path, silent: Did
) -> None:
    found = failure(tmp_path, PASSED, FAILED, FAILED, silent, silent, FAILED)
    assert (found.group, found.since, found.nights) == ("known", "night-001", 3)


@pytest.mark.parametrize("silent", SILENT)
def test_what_passed_before_such_a_night_is_new(tmp_path: Path, silent: Did) -> None:
    found = failure(tmp_path, FAILED, PASSED, silent, FAILED)
    assert (found.group, found.since, found.nights) == ("new", "night-003", 1)


def test_what_passed_when_run_again_is_new_the_night_after(tmp_path: Path) -> None:
    assert failure(tmp_path, FAILED, FLAKE, FAILED).group == "new"


def test_flake_and_lab_fault_count_their_own_nights(tmp_path: Path) -> None:
    flake = failure(tmp_path, FAILED, FLAKE, LAB, FLAKE)
    assert (flake.group, flake.since, flake.nights) == ("flake", "night-001", 2)
    (tmp_path / "lab").mkdir()
    lab = failure(tmp_path / "lab", LAB, FLAKE, LAB, LAB)
    assert (lab.group, lab.since, lab.nights) == ("lab fault", "night-002", 2)


def test_past_shows_also_what_says_nothing(tmp_path: Path) -> None:
    assert failure(tmp_path, PASSED, ("not run", ""), LAB, FAILED).past == ("passed", "lab fault")


@pytest.mark.parametrize("silent", SILENT)
def test_what_passes_after_a_night_that_says_nothing_is_mended(tmp_path: Path, silent: Did) -> None:
    [mended] = nights(tmp_path, FAILED, silent, PASSED).fixed
    assert mended.test == "a.py::test_it"


@pytest.mark.parametrize("before", [PASSED, FLAKE])
def test_what_passed_the_last_time_is_not_mended_now(tmp_path: Path, before: Did) -> None:
    assert nights(tmp_path, FAILED, before, PASSED).fixed == []


def test_figures_reach_back_so_many_nights(tmp_path: Path) -> None:
    values = [1.0 + number / 1000 for number in range(FIGURE_NIGHTS + 3)]
    [series] = nights(tmp_path, *([PASSED] * len(values)), figures=values).series
    assert series.medians == tuple(values[3:])
    assert (series.nights[0], series.nights[-1]) == ("night-003", f"night-{len(values) - 1:03}")


def test_figure_that_is_not_measured_for_so_long_is_gone(tmp_path: Path) -> None:
    assert nights(tmp_path, *([PASSED] * (FIGURE_NIGHTS + 1)), figures=[1.0]).series == []
