# SPDX-License-Identifier: BSD-3-Clause
"""What random realms are told to do fits into registers."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

from harness.oracle.deeds import Deeds
from harness.oracle.dice import Dice
from harness.types import GRANULE_BYTES

LAST = 2**64 - GRANULE_BYTES
NOWHERE: Any = SimpleNamespace(
    mapped=lambda _: LAST,
    protected=lambda _: LAST,
    program=SimpleNamespace(secondary_entry=LAST),
    next_index=3,
)


def test_a_range_at_the_last_address_wraps_around() -> None:
    bytes_of = random.Random(1).randbytes
    calls = [Deeds(NOWHERE, Dice(bytes_of(64)), NOWHERE).smc(NOWHERE) for _ in range(500)]
    assert all(0 <= word < 2**64 for call in calls for word in call.x)
    assert any(call.arg(1) == LAST and call.arg(2) == 0 for call in calls)
