# SPDX-License-Identifier: BSD-3-Clause
"""Many SMCs in one request: a program of the monitor that keeps every result.

A round trip through a mailbox costs as much as three SMCs; a realm is taken apart with
hundreds of them that do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import LinkError
from harness.link.program import Program, Step
from harness.types import MASK64, Pa

BATCH_CALLS = 128
"""How many calls go into one request."""

BATCH_BYTES = Program([Step(0)] * BATCH_CALLS, Pa(0), keep_results=BATCH_CALLS).size_bytes
"""How much normal-world memory a batch takes."""

Call = tuple[int, ...]
"""x0 (the function id) and up to seven more registers."""


def batch_program(at: Pa, calls: Sequence[Call], *, stop_at_failure: bool) -> Program:
    """Return the program that makes the calls and keeps every result. Raises ``LinkError``."""
    return Program(
        [_step(call) for call in calls],
        at,
        keep_results=len(calls),
        stop_at_failure=stop_at_failure,
    )


def _step(call: Call) -> Step:
    if not 1 <= len(call) <= 8:
        raise LinkError(f"a call has x0 and up to seven more registers, not {len(call)} words")
    return Step(call[0] & MASK64, call[1:])
