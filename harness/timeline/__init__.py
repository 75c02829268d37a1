# SPDX-License-Identifier: BSD-3-Clause
"""What was recorded, for people: lines, JSON, an HTML page, a Perfetto trace (docs/timeline.md)."""

from harness.timeline.callers import Caller, Realm, Rec
from harness.timeline.choose import Choice, realm_number
from harness.timeline.find import RECORDING, Span, find
from harness.timeline.marks import FAILED, VIOLATION, Mark, Violation, Waiting, violation_marks
from harness.timeline.page import MOST_ROWS, write_page
from harness.timeline.perfetto import write_trace
from harness.timeline.rows import Row, rows
from harness.timeline.text import HEADING, last_lines, line, mark_text
from harness.timeline.values import as_json

__all__ = [
    "FAILED",
    "HEADING",
    "MOST_ROWS",
    "RECORDING",
    "VIOLATION",
    "Caller",
    "Choice",
    "Mark",
    "Realm",
    "Rec",
    "Row",
    "Span",
    "Violation",
    "Waiting",
    "as_json",
    "find",
    "last_lines",
    "line",
    "mark_text",
    "realm_number",
    "rows",
    "violation_marks",
    "write_page",
    "write_trace",
]
