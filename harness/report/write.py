# SPDX-License-Identifier: BSD-3-Clause
"""Writes all reports of a night into its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.artifacts import point, write_text
from harness.coverage import page as coverage_page
from harness.nightly import cell as cells
from harness.nightly.cell import Place
from harness.nightly.config import NightConfig, NightlyError
from harness.nightly.covered import tally_cells
from harness.nightly.history import History
from harness.report import junit, kcidb, lines, page
from harness.report.data import COUNTS, GROUPS, ReportData, gather

PAGE = "report.html"
COVERAGE = "coverage.html"
_DRAFT = "draft"
_FILES: dict[str, Callable[[ReportData], str]] = {
    "junit.xml": junit.render,
    "results.jsonl": lines.render,
    "kcidb.json": kcidb.render,
    PAGE: page.render,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """What the terminal says at the end, and the exit status: 0 good, 1 something failed."""

    text: str
    status: int


def write_reports(config: NightConfig, history: History, night: str, checkout: Path) -> Summary:
    """Gather, write every file in one step each. Raises NightlyError."""
    folder = config.folder / history.night(night).id
    try:
        coverage = _write_coverage(config, night, folder, checkout)
        data = gather(history, config.folder, night, coverage)
        for name, render in _FILES.items():
            write_text(folder / name, render(data), draft=_DRAFT)
        if history.nights(1)[0].id == night:
            point(config.folder / "latest", night, draft=_DRAFT)
    except OSError as problem:
        raise NightlyError(
            f"the report cannot be written to {folder}: {problem.strerror}",
            hint=f"free space there, then: ci/nightly --report {night}",
        ) from problem
    return summarise(data)


def summarise(data: ReportData) -> Summary:
    """One line for each group of failures, and where the page is."""
    shown = [f"{len(data.group(name))} {name}" for name in GROUPS if data.group(name)]
    text = [f"night {data.night.id}: {', '.join(shown) or 'no failures'}"]
    text += [f"  new: {f.result.cell}: {f.result.test}" for f in data.group(COUNTS[0])[:10]]
    text += [f"  {cell.state}: {cell.name}" for cell in data.bad_cells]
    text += [f"  error: {line.splitlines()[0]}" for line in data.complaints]
    text.append(f"report: {data.folder / PAGE}")
    return Summary("\n".join(text), 0 if data.good else 1)


def _write_coverage(config: NightConfig, night: str, folder: Path, checkout: Path) -> str:
    """Merge the coverage of all cells; "" if no test recorded any, or its files are gone."""
    place = Place(checkout=checkout, night=night, night_folder=folder, workers="", seed=0)
    books = {one.name: (one, cells.read_attempts(place, one)) for one in config.cells}
    ran = {name: pair for name, pair in books.items() if pair[1].phases}
    if not ran:
        return ""
    tally = tally_cells(checkout, ran)
    if not tally.tests:
        return ""
    facts = {"night": night, "cells": ", ".join(ran)}
    write_text(folder / COVERAGE, coverage_page.render(tally, facts), draft=_DRAFT)
    return COVERAGE
