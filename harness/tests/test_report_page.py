# SPDX-License-Identifier: BSD-3-Clause
"""What the report of a night says: groups of failures, trend, figures; the files for machines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.nightly.history import History
from harness.report import junit, kcidb, lines, page
from harness.report.data import GROUPS, ReportData, gather
from harness.report.write import summarise
from harness.tests.night_story import CELLS, make_history, night_name


@pytest.fixture
def data(tmp_path: Path) -> ReportData:
    history = make_history(tmp_path, nights=9)
    return gather(history, tmp_path, night_name(8))


def test_failures_are_grouped_by_what_they_were_before(data: ReportData) -> None:
    per_cell = {name: len(data.group(name)) / len(CELLS) for name in GROUPS}
    assert per_cell == {
        "new": 3,
        "known": 1,
        "flake": 1,
        "host overload": 1,
        "lab fault": 1,
        "quarantined": 1,
    }


def test_known_failure_knows_since_when(data: ReportData) -> None:
    assert {(f.since, f.nights) for f in data.group("known")} == {(night_name(6), 3)}
    assert {(f.since, f.nights) for f in data.group("new")} == {(night_name(8), 1)}
    assert data.group("known")[0].past == ("passed",) * 6 + ("deterministic",) * 2


def test_what_failed_the_night_before_and_passes_is_mended(data: ReportData) -> None:
    assert [(r.cell, r.test.rpartition("[")[2]) for r in data.fixed] == [
        (cell, "case-5]") for cell in sorted(CELLS)
    ]


def test_first_night_has_only_new_failures(tmp_path: Path) -> None:
    history = make_history(tmp_path, nights=1)
    data = gather(history, tmp_path, night_name(0))
    assert not data.group("known")
    assert len(data.group("new")) == 4 * len(CELLS)
    assert "one night only" in page.render(data)


def test_figures_have_their_change_of_level(data: ReportData) -> None:
    [boot, calls] = data.series
    assert [change.index for change in boot.changes] == [4]
    assert boot.changes[0].percent == pytest.approx(30, abs=4)
    assert calls.changes == ()
    text = page.render(data)
    assert f"worse by {boot.changes[0].percent:.0f} % since {night_name(4)}" in text


def test_page_escapes_what_a_console_showed(data: ReportData) -> None:
    text = page.render(data)
    assert "MONITOR READY &lt;&amp;&gt;" in text
    assert "RMI_REC_ENTER answered RMI_ERROR_REC, wanted RMI_SUCCESS" in text
    assert "12 new failures, 4 known failures, 4 flakes" in text


def test_page_links_into_the_night_s_own_folder(data: ReportData) -> None:
    text = page.render(data)
    assert 'href="cells/x/attempt-1/runs/1/test-0/timeline.html"' in text
    assert f'href="../{night_name(3)}/report.html"' in text


def test_complaint_and_cell_that_did_not_end_make_a_night_bad(tmp_path: Path) -> None:
    history = make_history(tmp_path, nights=1, tests=0)
    good = gather(history, tmp_path, night_name(0))
    assert summarise(good).status == 0
    history.note(night_name(0), complaints=["quarantine of a::b ended on 2026-01-01"])
    complained = gather(history, tmp_path, night_name(0))
    assert summarise(complained).status == 1
    assert "quarantine of a::b ended" in page.render(complained)
    cell = replace(good.cells[0], state="stopped", message="the budget of 3 min was used up")
    history.save_cell(cell)
    assert "stopped: embedded / full" in summarise(gather(history, tmp_path, night_name(0))).text


def test_junit_counts_only_what_counts(data: ReportData) -> None:
    root = ET.fromstring(junit.render(data))
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == set(CELLS)
    suite = suites[CELLS[0]]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("40", "4", "0")
    reasons = {child.get("message", "").partition(":")[0] for child in suite.iter("skipped")}
    assert {"flake", "host overload", "lab fault", "quarantined"} <= reasons


def test_junit_says_what_was_wrong_and_tells_the_rest(data: ReportData) -> None:
    [failure, *_] = ET.fromstring(junit.render(data)).iter("failure")
    said = "AssertionError: RMI_REC_ENTER answered RMI_ERROR_REC, wanted RMI_SUCCESS"
    assert failure.get("message") == said
    assert "last calls:" in (failure.text or "")


def test_json_lines_have_night_cells_results_and_figures(data: ReportData) -> None:
    rows = [json.loads(line) for line in lines.render(data).splitlines()]
    kinds = [row["line"] for row in rows]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "night": 1,
        "cell": 4,
        "result": 160,
        "figure": 2,
    }
    known = [row for row in rows if row.get("group") == "known"]
    assert {row["nights"] for row in known} == {3}


def test_kcidb_objects_refer_to_each_other(data: ReportData) -> None:
    whole = json.loads(kcidb.render(data))
    [checkout] = whole["checkouts"]
    builds = {build["id"] for build in whole["builds"]}
    assert {build["checkout_id"] for build in whole["builds"]} == {checkout["id"]}
    assert {test["build_id"] for test in whole["tests"]} == builds
    assert len({test["id"] for test in whole["tests"]}) == 160
    counts = {(test["status"], test["waived"]) for test in whole["tests"]}
    assert counts == {
        ("PASS", False),
        ("SKIP", False),
        ("FAIL", False),
        ("FAIL", True),
        ("ERROR", True),
    }
    assert "testcases.area0.test_area0_things.test_behaviour.case-0" in {
        test["path"] for test in whole["tests"]
    }


def test_kcidb_has_the_shape_of_its_schema(data: ReportData) -> None:
    io = pytest.importorskip("kcidb_io", reason="no kcidb-io: pip install kcidb-io")
    io.schema.V4_0.validate_exactly(json.loads(kcidb.render(data)))


def test_history_of_another_version_is_refused(tmp_path: Path) -> None:
    import sqlite3

    from harness.nightly.config import NightlyError

    with sqlite3.connect(tmp_path / "h.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(NightlyError, match="has version 99, this harness knows 1"):
        History(tmp_path / "h.sqlite")
