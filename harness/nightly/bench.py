# SPDX-License-Identifier: BSD-3-Clause
"""The figures of a night: ``cca bench`` in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.artifacts import safe_name
from harness.nightly.child import run_child
from harness.nightly.config import BenchPlan, NightlyError, unwritable
from harness.nightly.rows import BenchRow

_LOG_LINES = 8


def run_bench(
    checkout: Path, night: str, folder: Path, plan: BenchPlan, budget_s: float
) -> list[BenchRow]:
    """Measure one stack. Raises NightlyError with the last lines of what it said."""
    place = folder / "bench"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise unwritable(place, problem) from problem
    name = safe_name(plan.stack)
    figures, log = place / f"{name}.json", place / f"{name}.log"
    command = [sys.executable, "-m", "harness.cli.main", "bench", f"--stack={plan.stack}"]
    command += [f"--set={setting}" for setting in plan.settings]
    command += [f"--samples={plan.samples}", "--regressions=0", f"--json={figures}"]
    ended = run_child(command, checkout, log, budget_s)
    if ended.status or ended.over_budget or not figures.exists():
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:])
        why = f"took more than {budget_s:.0f} s" if ended.over_budget else f"status {ended.status}"
        raise NightlyError(f"the bench of {plan.stack} gave no figures, {why}:\n{tail}")
    return read_figures(figures, night, plan.stack)


def read_figures(file: Path, night: str, stack: str) -> list[BenchRow]:
    """The figures of a file of ``cca bench --json``; ratios are left out."""
    return [
        BenchRow(
            night=night,
            stack=stack,
            name=row["name"],
            unit=row["unit"],
            median=row["median"],
            samples=tuple(row["samples"]),
        )
        for row in json.loads(file.read_text(encoding="utf-8"))
        if "median" in row
    ]
