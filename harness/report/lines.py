# SPDX-License-Identifier: BSD-3-Clause
"""JSON lines: one object for the night, one for each cell, one for each result, for figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from harness.report.data import ReportData


def render(data: ReportData) -> str:
    """The whole file; ``kind_of_line`` says what an object is. Empty values are left out."""
    failures = {(f.result.cell, f.result.test): f for f in data.failures}
    rows: list[dict[str, Any]] = [{"line": "night", **asdict(data.night), "good": data.good}]
    rows += [{"line": "cell", **asdict(cell)} for cell in data.cells]
    for result in data.results:
        row = {"line": "result", **asdict(result)}
        if failure := failures.get((result.cell, result.test)):
            row |= {"group": failure.group, "since": failure.since, "nights": failure.nights}
        rows.append(row)
    for series in data.series:
        if series.nights[-1] == data.night.id:
            row = {"line": "figure", "stack": series.stack, "name": series.name}
            rows.append({**row, "unit": series.unit, "median": series.medians[-1]})
    return "".join(json.dumps(_full(row), default=str) + "\n" for row in rows)


def _full(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value not in ("", (), None)}
