# SPDX-License-Identifier: BSD-3-Clause
"""Reports of a night, made of its history: HTML, JUnit XML, JSON lines, KCIDB-style JSON."""

from harness.report.write import Summary, write_reports

__all__ = ["Summary", "write_reports"]
