# SPDX-License-Identifier: BSD-3-Clause
"""The night as one HTML file that needs nothing else; links lead to the night's own files.

What somebody needs at 8 o'clock comes first: what is new. Everything is readable without
scripts but the list of all results, which a script fills and filters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from harness.pages import style
from harness.report import charts
from harness.report.cards import failures
from harness.report.data import GROUPS, Group, ReportData
from harness.report.tables import (
    bench,
    duration,
    matrix,
    number_of,
    slowest,
)

_MOST_OF_REASONS = 200_000
"""Characters of all reasons together, each told once."""


def render(data: ReportData) -> str:
    """Return the page."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{'✓' if data.good else '✗'} night {escape(data.night.id)}</title>",
        f"<style>{style()}{_asset('night.css')}</style></head><body>",
        *_header(data),
        "<main>",
        *failures(data),
        *_fixed(data),
        *_section("matrix", "Matrix", matrix(data)),
        *_section("trend", "Trend", charts.trend(data.trend)),
        *_section("bench", "Figures", bench(data)),
        *_section("slow", "Slowest tests", slowest(data)),
        *_all_results(data),
        "</main>",
        f'<script type="application/json" id="data">{_data(data)}</script>',
        f"<script>{_asset('night.js')}</script>",
        "</body></html>",
        "",
    ]
    return "\n".join(parts)


def _asset(name: str) -> str:
    return files("harness.report").joinpath("assets", name).read_text(encoding="utf-8")


def _header(data: ReportData) -> Iterator[str]:
    night = data.night
    state = "good" if data.good else "bad"
    yield f'<header class="{state}"><h1>Night {escape(night.id)}</h1>'
    yield f'<p class="verdict">{escape(verdict(data))}</p>'
    took = duration(sum(cell.used_s for cell in data.cells))
    facts = [f"{number_of(len(data.results), 'result')} in {took}"]
    if night.state != "done":
        facts.append(f"the night is {night.state}")
    if commit := night.facts.get("commit"):
        facts.append(f"{commit[:12]} {night.facts.get('subject', '')}")
    facts.append(f"on {night.facts.get('host', '?')}, {night.facts.get('cpus', '?')} CPUs")
    yield f'<p class="facts">{escape(" · ".join(facts))}</p>'
    links = ["junit.xml", "results.jsonl", "kcidb.json"]
    links += [data.coverage_page] if data.coverage_page else []
    shown = " ".join(f'<a href="{name}">{name}</a>' for name in links)
    yield f'<p class="facts">{shown}</p>'
    for line in data.complaints:
        yield f'<p class="note">{escape(line)}</p>'
    for cell in data.bad_cells:
        text = f"{cell.name}: {cell.state}. {cell.message}"
        yield f'<p class="note"><a href="#matrix">{escape(text.splitlines()[0])}</a></p>'
    yield "</header>"


def verdict(data: ReportData) -> str:
    """The night in one sentence."""
    shown = [number_of(len(data.group(name)), _SHORT[name]) for name in GROUPS if data.group(name)]
    passed = sum(result.outcome == "passed" for result in data.results)
    rest = f"{passed:,} passed"
    if data.bad_cells:
        shown.append(f"{number_of(len(data.bad_cells), 'cell')} not complete")
    return f"{', '.join(shown)}; {rest}" if shown else f"No failures: {rest}"


_SHORT: dict[Group, str] = {
    "new": "new failure",
    "known": "known failure",
    "flake": "flake",
    "host overload": "host overload",
    "lab fault": "lab fault",
    "quarantined": "quarantined failure",
}


def _fixed(data: ReportData) -> Iterator[str]:
    if data.fixed:
        yield f'<section id="fixed"><h2>Mended <small>{len(data.fixed)}</small></h2>'
        yield "<p class=quiet>They failed the last time that they ran undisturbed, "
        yield "and pass now.</p><ul>"
        for result in data.fixed[:200]:
            yield f"<li><code>{escape(result.test)}</code> "
            yield f'<span class="tag">{escape(result.cell)}</span>'
        yield "</ul></section>"


def _section(name: str, title: str, body: str) -> Iterator[str]:
    if body:
        yield f'<section id="{name}"><h2>{title}</h2>{body}</section>'


def _all_results(data: ReportData) -> Iterator[str]:
    outcomes = sorted({result.outcome for result in data.results})
    buttons = "".join(
        f'<button type="button" aria-pressed="false" data-outcome="{o}">{o}</button>'
        for o in outcomes
    )
    cells = "".join(f"<option>{escape(cell.name)}</option>" for cell in data.cells)
    yield '<section id="all"><h2>All results</h2><div class="bar">'
    yield '<input id="filter" type="search" placeholder="words of a test, cell or reason" '
    yield 'aria-label="filter">'
    yield f'<select id="cell" aria-label="cell"><option value="">all cells</option>{cells}</select>'
    yield f'<span class="chips">{buttons}</span><span id="hits" role="status"></span></div>'
    yield '<div id="list"></div><button type="button" id="more" hidden>show more</button>'
    yield "<noscript>The list of all results needs JavaScript; results.jsonl has it.</noscript>"
    yield "</section>"


def _data(data: ReportData) -> str:
    """Rows as arrays: cell, test, outcome, seconds, reason."""
    cells = [cell.name for cell in data.cells]
    outcomes = sorted({result.outcome for result in data.results})
    told = [r.text if r.outcome in ("skipped", "xfailed") else r.kind for r in data.results]
    most = max(40, min(300, _MOST_OF_REASONS // (len(set(told)) or 1)))
    reasons: dict[str, int] = {"": 0}
    rows = []
    for r, reason in zip(data.results, told, strict=True):
        number = reasons.setdefault(reason[:most], len(reasons))
        shown = round(r.duration_s, 2)
        rows.append([cells.index(r.cell), r.test, outcomes.index(r.outcome), shown, number])
    packed = {"cells": cells, "outcomes": outcomes, "reasons": list(reasons), "rows": rows}
    return json.dumps(packed, separators=(",", ":")).replace("<", "\\u003c")


__all__ = ["render", "verdict"]
