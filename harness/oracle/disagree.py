# SPDX-License-Identifier: BSD-3-Clause
"""What is raised where model and machine part."""

from __future__ import annotations

from harness.errors import HarnessError


class Disagreement(HarnessError):
    """The machine did something that the model does not allow.

    ``wanted`` and ``seen`` are texts; the step's number is added by who knows it.
    """

    verdict = "assertion"

    def __init__(self, what: str, wanted: str, seen: str) -> None:
        super().__init__(f"{what}\n  wanted: {wanted}\n  seen:   {seen}")
        self.what = what
        self.wanted = wanted
        self.seen = seen
