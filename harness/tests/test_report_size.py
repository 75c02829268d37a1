# SPDX-License-Identifier: BSD-3-Clause
"""How large the page of a night gets, and what is left out of it: texts of failures, reasons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.nightly.rows import CellRow, NightRow, ResultRow
from harness.report import page
from harness.report.data import Failure, ReportData
from harness.report.text import escaped_end, escaped_start, first_line, size

MOST_BYTES = 10_000_000
CALLS = "RMI_REC_ENTER(rec=0x800c4000) 'x' \"y\" "


def failed(number: int, text: str) -> Failure:
    """A failure with all that a card shows."""
    test = f"testcases/area/test_area_things.py::test_behaviour[case-{number}]"
    folder = f"cells/embedded-full/attempt-1/runs/20261121-1111-2222/test-behaviour-{number}"
    result = ResultRow(
        night="n",
        cell="embedded / full",
        test=test,
        outcome="failed",
        kind="not rerun",
        why="too many failures, or no time left",
        text=text,
        folder=folder,
        timeline=f"{folder}/timeline.html",
        again=f"scripts/regress '{test}' --seed 12345678",
    )
    return Failure(result, "known", "20261107-0100", 15, ("deterministic",) * 14)


def night(*failures: Failure) -> ReportData:
    """A night with these failures alone."""
    return ReportData(
        night=NightRow(id="n", started_s=1e9, seed=1, facts={}),
        folder=Path("/nights/n"),
        cells=[CellRow(night="n", name="embedded / full", axes={}, state="done")],
        results=[failure.result for failure in failures],
        failures=failures,
        fixed=[],
        trend=[],
        series=[],
    )


@pytest.mark.parametrize("text", [CALLS * 150, "<&>'\"" * 1200, "é€" * 3000], ids=list("abc"))
def test_page_of_very_many_failures_is_no_larger_than_a_browser_likes(text: str) -> None:
    html = page.render(night(*(failed(number, text) for number in range(5000))))
    assert size(html) < MOST_BYTES
    assert html.count('<details class="card"') == 5000


def test_a_few_texts_are_there_as_they_are() -> None:
    html = page.render(night(*(failed(number, f"begin{'x' * 100_000}") for number in range(20))))
    assert html.count(f"<pre>begin{'x' * 100_000}</pre>") == 20
    assert html.count("<pre class=again>scripts/regress") == 20


def test_reasons_of_very_many_skips_are_shortened() -> None:
    one = failed(0, "").result
    rows = [
        replace(one, test=f"a.py::t[{n}]", outcome="skipped", text=f"{n} {'<' * 300}")
        for n in range(5000)
    ]
    html = page.render(replace(night(), results=rows))
    assert size(html) < 3_000_000
    shortened = "\\u003c" * 38
    assert f'"7 {shortened}"' in html


@pytest.mark.parametrize(
    ("text", "most", "end", "start"),
    [
        ("abc", 3, "abc", "abc"),
        ("abcdef", 3, "def", "abc"),
        ("<&>", 13, "&lt;&amp;&gt;", "&lt;&amp;&gt;"),
        ("a<b<c", 7, "b&lt;c", "a&lt;b"),
        ("a<b<c", 4, "c", "a"),
        ("<<<", 3, "", ""),
        ("aé€", 5, "é€", "aé"),
        ("", 9, "", ""),
    ],
)
def test_text_is_cut_between_characters(text: str, most: int, end: str, start: str) -> None:
    assert escaped_end(text, most) == end
    assert escaped_start(text, most) == start


def test_first_line_is_the_one_that_tells_most() -> None:
    report = "a.py:3: in test_it\n>   assert x\nE   assert 1 == 2\nE   seen:   3\nartefacts: /x\n"
    assert first_line(report) == "assert 1 == 2 · seen: 3"
    assert first_line("\nno monitor\nartefacts: /x") == "no monitor"
    assert first_line("") == ""
    assert len(first_line("E " + "x" * 999)) == 240
