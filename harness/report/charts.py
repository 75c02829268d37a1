# SPDX-License-Identifier: BSD-3-Clause
"""Small charts as SVG in the page: bars of outcomes, the trend, curves of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from harness.report.data import Point, Series

ORDER = ("failed", "flake", "not run", "skipped", "xfailed", "passed")
_WORDS = {"flake": "flaky or lab"}
_TREND_HEIGHT = 120.0
_CURVE_WIDTH, _CURVE_HEIGHT = 220.0, 46.0


def css(outcome: str) -> str:
    """The class of an outcome."""
    return outcome.replace(" ", "")


def legend_of(counts: Mapping[str, int]) -> str:
    """``1,204 passed, 2 failed`` with a colour for each."""
    return " ".join(
        f'<span class="count {css(o)}">{counts[o]:,} {_WORDS.get(o, o)}</span>'
        for o in (ORDER[-1], *ORDER[:-1])
        if counts.get(o)
    )


def bar(counts: Mapping[str, int]) -> str:
    """One bar; what failed is seen however little it is."""
    total = sum(counts.values())
    if not total:
        return ""
    parts = [
        f'<i class="{css(o)}" style="flex:{counts[o]} 0 {4 if o in ORDER[:2] else 0}px"></i>'
        for o in ORDER
        if counts.get(o)
    ]
    return f'<div class="outcomes">{"".join(parts)}</div>'


def past(outcomes: Sequence[str]) -> str:
    """What a test did before, a square for each night, the last on the right."""
    if not outcomes:
        return ""
    squares = "".join(f'<i class="{_past_class(o)}" title="{escape(o)}"></i>' for o in outcomes)
    return f'<span class="past" title="earlier nights">{squares}</span>'


def _past_class(outcome: str) -> str:
    if outcome in ("deterministic", "not rerun"):
        return "failed"
    return css(outcome) if outcome in ORDER else "flake"


def sparkline(nights: Sequence[Mapping[str, int]]) -> str:
    """A column for each night: how much failed, or that all was well, or that nothing ran."""
    columns = []
    for counts in nights:
        bad = next((o for o in ORDER[:3] if counts.get(o)), "")
        shown = css(bad) if bad else ("passed" if counts else "none")
        number = counts.get(bad, 0) if bad else 0
        title = f"{number} {bad}" if bad else ("no failures" if counts else "not run")
        columns.append(f'<i class="{shown}" title="{title}"></i>')
    return f'<span class="past">{"".join(columns)}</span>'


def trend(points: Sequence[Point]) -> str:
    """Two rows of columns: all tests by outcome, and below them only what did not pass."""
    if len(points) < 2:
        return "<p class=quiet>There is one night only.</p>"
    most = max(sum(point.counts.values()) for point in points) or 1
    worst = max(sum(point.counts.get(o, 0) for o in ORDER[:3]) for point in points) or 1
    columns = []
    for point in points:
        title = f"{point.night.id}: " + ", ".join(f"{n} {o}" for o, n in point.counts.items())
        whole = _column(point.counts, ORDER, _TREND_HEIGHT / most)
        bad = _column(point.counts, ORDER[:3], _TREND_HEIGHT / 2 / worst)
        link = f"../{point.night.id}/report.html"
        columns.append(
            f'<a href="{escape(link)}" title="{escape(title)}" aria-label="{escape(title)}">'
            f'<span class="whole">{whole}</span><span class="bad">{bad}</span></a>'
        )
    first, last = points[0].night.id, points[-1].night.id
    return (
        f'<p class="quiet">All {most:,} tests above; below, enlarged, the at most {worst:,} that '
        f"failed, were flaky or were not run.</p>"
        f'<div class="trends"><div class="trend">{"".join(columns)}</div>'
        f'<p class="axis quiet"><span>{escape(first)}</span><span>{escape(last)}</span></p></div>'
    )


def _column(counts: Mapping[str, int], outcomes: Sequence[str], scale: float) -> str:
    return "".join(
        f'<i class="{css(o)}" style="height:{scale * counts[o]:.1f}px"></i>'
        for o in outcomes
        if counts.get(o)
    )


def curve(series: Series) -> str:
    """The medians as a line from 0 or the least, changes marked."""
    values = series.medians
    if len(values) < 2:
        return '<span class="quiet">one night only</span>'
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    step = (_CURVE_WIDTH - 8) / max(1, len(values) - 1)
    dot = max(1.0, min(2.5, step / 2))  # those of many nights do not cover the line

    def x(index: int) -> float:
        return 4 + step * index

    def y(value: float) -> float:
        return 4 + (_CURVE_HEIGHT - 8) * (1 - (value - low) / span)

    line = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in enumerate(values))
    marks = "".join(
        f'<line class="change" x1="{x(c.index) - step / 2:.1f}" x2="{x(c.index) - step / 2:.1f}" '
        f'y1="0" y2="{_CURVE_HEIGHT:g}"/>'
        for c in series.changes
    )
    dots = "".join(
        f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="{dot:.1f}">'
        f"<title>{escape(night)}: {v:g}</title></circle>"
        for n, (v, night) in enumerate(zip(values, series.nights, strict=True))
    )
    return (
        f'<svg class="curve" viewBox="0 0 {_CURVE_WIDTH:g} {_CURVE_HEIGHT:g}" role="img" '
        f'aria-label="{escape(series.name)} over {len(values)} nights">{marks}'
        f'<polyline points="{line}"/>{dots}</svg>'
    )
