# SPDX-License-Identifier: BSD-3-Clause
"""``$CCA_OUTCOMES`` names a file: one JSON line for each phase of a test, as it ends.

Lines are written by the controller alone, so that readers see whole lines whatever the number
of workers. A phase that failed has the text of its report, with the harness's own section.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_OWN_SECTION = "cca"
_LONGEST_TEXT = 8000


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Append the outcome of a phase."""
    target = os.environ.get("CCA_OUTCOMES")
    if target and "PYTEST_XDIST_WORKER" not in os.environ:
        row = {
            "test": report.nodeid,
            "phase": report.when,
            "outcome": report.outcome,
            "duration_s": report.duration,
        }
        if report.failed:
            row["text"] = _text(report)
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _text(report: pytest.TestReport) -> str:
    own = [text for name, text in report.sections if name == _OWN_SECTION]
    return "\n".join([report.longreprtext[-_LONGEST_TEXT:], *own])
