# SPDX-License-Identifier: BSD-3-Clause
"""The tables of a night's page."""

from __future__ import annotations

from html import escape

from harness.nightly.config import AXES
from harness.nightly.rows import CellRow
from harness.report import charts
from harness.report.data import ReportData, Series

_SLOWEST = 15
_LESS_IS_BETTER = ("s", "ms", "us", "MiB")


def matrix(data: ReportData) -> str:
    """A row for each cell: axes, state, numbers, trend, time, coverage."""
    used = [axis for axis in AXES if any(axis in cell.axes for cell in data.cells)]
    heads = [*(axis.replace("_", " ") for axis in used), "tests", "", "nights", "time", "ABI"]
    rows = [f"<tr>{''.join(f'<th>{head}' for head in heads)}</tr>"]
    rows += [_cell_row(data, cell, used) for cell in data.cells]
    return f'<div class="wide"><table class="matrix">{"".join(rows)}</table></div>'


def _cell_row(data: ReportData, cell: CellRow, used: list[str]) -> str:
    counts = data.trend[-1].cells.get(cell.name, {}) if data.trend else {}
    nights = [point.cells.get(cell.name, {}) for point in data.trend]
    shown = charts.legend_of(counts) or "no tests"
    state = "" if cell.state == "done" else f'<p class="state">{escape(cell.state)}</p>'
    if cell.message:
        first, *more = cell.message.splitlines()
        inner = f"<pre>{escape(cell.message)}</pre>" if more else ""
        text = escape(first)
        state += f"<details><summary>{text}</summary>{inner}</details>" if more else f"<p>{text}"
    parts = [f"<td>{escape(cell.axes.get(axis, '–'))}" for axis in used]
    covered = f"{100 * cell.covered / cell.reachable:.0f} %" if cell.reachable else "–"
    parts += [
        f"<td class=full>{shown}{state}",
        f'<td class="grow">{charts.bar(counts)}',
        f"<td>{charts.sparkline(nights)}",
        f'<td class="number">{duration(cell.used_s)}',
        f'<td class="number" data-label="ABI" title="{cell.covered} of {cell.reachable}">{covered}',
    ]
    return f'<tr data-cell="{escape(cell.name)}">{"".join(parts)}</tr>'


def bench(data: ReportData) -> str:
    """A row for each series: the last value, its change points, the curve."""
    if not data.series:
        return ""
    heads = ["figure", "stack", "tonight", "over the nights", "changes of level"]
    rows = [f"<tr>{''.join(f'<th>{head}' for head in heads)}</tr>"]
    rows += [_series_row(series, data.night.id) for series in data.series]
    return f'<div class="wide"><table class="bench">{"".join(rows)}</table></div>'


def _series_row(series: Series, night: str) -> str:
    tonight = "not measured"
    if series.nights[-1] == night:
        tonight = f"{number(series.medians[-1])} {escape(series.unit)}"
    changes = []
    for change in series.changes[::-1][:3]:
        worse = (change.after > change.before) == (series.unit in _LESS_IS_BETTER)
        word = "worse" if worse else "better"
        changes.append(
            f'<p class="{word}">{word} by {abs(change.percent):.0f} % since '
            f"{escape(series.nights[change.index])}: {number(change.before)} → "
            f"{number(change.after)}</p>"
        )
    return (
        f"<tr><td class=full>{escape(series.name)}<td>{escape(series.stack)}"
        f"<td class=number>{tonight}"
        f"<td>{charts.curve(series)}<td>{''.join(changes) or '<span class=quiet>none</span>'}</tr>"
    )


def slowest(data: ReportData) -> str:
    """The tests that took longest."""
    slow = sorted(data.results, key=lambda result: -result.duration_s)[:_SLOWEST]
    rows = [
        f"<tr><td class=number>{result.duration_s:.1f} s"
        f"<td class=full><code>{escape(result.test)}</code><td>{escape(result.cell)}</tr>"
        for result in slow
        if result.duration_s > 0
    ]
    return f'<div class="wide"><table>{"".join(rows)}</table></div>' if rows else ""


def number(value: float) -> str:
    """Three figures."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def number_of(count: int, what: str) -> str:
    """``1 flake``, ``2 flakes``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """``42 s``, ``3:05 min``, ``2:10 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
