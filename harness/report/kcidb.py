# SPDX-License-Identifier: BSD-3-Clause
"""KCIDB-style JSON: a checkout, a build for each cell, a test for each result.

The shape is that of the KCIDB schema 4: ids are ``origin:local``, a test's path is its id with
dots, ``waived`` marks failures that do not count. Nothing is sent anywhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from harness.nightly.rows import CellRow, ResultRow
from harness.report.data import COUNTS, Failure, ReportData

ORIGIN = "cca_harness"
_STATUS = {
    "passed": "PASS",
    "failed": "FAIL",
    "skipped": "SKIP",
    "xfailed": "PASS",
    "not run": "MISS",
}


def render(data: ReportData) -> str:
    """The whole file."""
    commit = str(data.night.facts.get("commit", ""))
    checkout: dict[str, Any] = {
        "id": f"{ORIGIN}:{data.night.id}",
        "origin": ORIGIN,
        "tree_name": "cca-harness",
        "start_time": _time(data.night.started_s),
        "valid": True,
        "comment": f"night {data.night.id}",
    }
    if re.fullmatch("[0-9a-f]{40}", commit):
        checkout["git_commit_hash"] = commit
    failures = {(f.result.cell, f.result.test): f for f in data.failures}
    whole = {
        "version": {"major": 4, "minor": 0},
        "checkouts": [checkout],
        "builds": [_build(data, cell) for cell in data.cells],
        "tests": [_test(data, result, failures) for result in data.results],
    }
    return json.dumps(whole, indent=1) + "\n"


def _build(data: ReportData, cell: CellRow) -> dict[str, Any]:
    return {
        "id": _build_id(data, cell.name),
        "origin": ORIGIN,
        "checkout_id": f"{ORIGIN}:{data.night.id}",
        "architecture": "aarch64",
        "config_name": cell.name,
        "valid": cell.state != "error",
        "misc": {"versions": dict(cell.versions), "stack_hash": cell.stack_hash},
    }


def _test(
    data: ReportData, result: ResultRow, failures: dict[tuple[str, str], Failure]
) -> dict[str, Any]:
    status = _STATUS[result.outcome]
    if result.outcome == "failed" and result.verdict not in ("assertion", ""):
        status = "ERROR"
    failure = failures.get((result.cell, result.test))
    misc = {"id": result.test, "verdict": result.verdict, "kind": result.kind, "why": result.why}
    made = {
        "id": f"{_build_id(data, result.cell)}-{_digest(result.test)}",
        "origin": ORIGIN,
        "build_id": _build_id(data, result.cell),
        "path": _path(result.test),
        "status": status,
        "waived": failure is not None and failure.group not in COUNTS,
        "duration": round(result.duration_s, 3),
        "environment": {"comment": str(data.night.facts.get("host", ""))},
        "misc": {key: value for key, value in misc.items() if value},
    }
    if result.start_s:
        made["start_time"] = _time(result.start_s)
    if result.text and result.outcome == "failed":
        made["log_excerpt"] = result.text[-4000:]
    return made


def _build_id(data: ReportData, cell: str) -> str:
    return f"{ORIGIN}:{data.night.id}-{_digest(cell)}"


def _path(test: str) -> str:
    """``testcases/rec/test_x.py::test_y[a-1]`` → ``testcases.rec.test_x.test_y.a-1``."""
    dotted = test.replace(".py::", ".").replace("/", ".").replace("[", ".").replace("::", ".")
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", dotted.removesuffix("]")).strip(".")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
