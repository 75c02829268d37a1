# SPDX-License-Identifier: BSD-3-Clause
"""Many SMCs in one request: a program of the monitor that keeps every result.

A round trip through a mailbox costs as much as three SMCs; a realm is taken apart with
hundreds of them that do not depend on each other.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from harness.abi import codec
from harness.errors import LinkError
from harness.link.program import RESULT, STEP_SMC, STOP_AT_FAILURE
from harness.types import MASK64

BATCH_CALLS = 128
"""How many calls go into one request."""

_HEADER = codec("MonitorProgram")
_STEP_BYTES = codec("MonitorStep").layout.size
_STEP = struct.Struct("<8Q56xQ")
BATCH_BYTES = _HEADER.layout.size + BATCH_CALLS * (_STEP_BYTES + RESULT.size)
"""How much normal-world memory a batch takes."""

Call = tuple[int, ...]
"""x0 (the function id) and up to seven more registers."""


def encode_batch(at: int, calls: Sequence[Call], *, stop_at_failure: bool) -> bytes:
    """Return the program that makes the calls, to be stored at ``at``. Raises ``LinkError``."""
    header = _HEADER.encode(
        step_count=len(calls),
        repeat=1,
        results=at + results_offset(len(calls)),
        results_max=len(calls),
        flags=STOP_AT_FAILURE if stop_at_failure else 0,
    )
    return header + b"".join(map(_step, calls))


def results_offset(calls: int) -> int:
    """Where the results of so many calls lie, in bytes from the start of the program."""
    return _HEADER.layout.size + calls * _STEP_BYTES


def _step(call: Call) -> bytes:
    if not 1 <= len(call) <= 8:
        raise LinkError(f"a call has x0 and up to seven more registers, not {len(call)} words")
    words = [word & MASK64 for word in call] + [0] * (8 - len(call))
    return _STEP.pack(*words, STEP_SMC)
