# SPDX-License-Identifier: BSD-3-Clause
"""What is said at the end of a bisection."""

from __future__ import annotations

from harness.bisect.search import Found
from harness.bisect.series import Series


def report_text(found: Found, series: Series) -> str:
    """The first bad revision, or all that it may be; the failure; where its evidence lies."""
    lines: list[str] = []
    if found.first_bad is not None:
        lines += [f"first bad revision: {found.first_bad}", ""]
        lines += _indented(series.details(found.first_bad.key))
    else:
        lines.append("the first bad revision is one of these (the others cannot be tested):")
        lines += [f"  {revision}" for revision in found.suspects]
    lines += ["", f"failing test: {found.tried.test}", *_indented(found.tried.text)]
    if found.skipped:
        lines += ["", "not tested:", *(f"  {revision}: {why}" for revision, why in found.skipped)]
    return "\n".join([*lines, "", f"artefacts: {found.tried.folder}"])


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.strip().splitlines()]
