# SPDX-License-Identifier: BSD-3-Clause
"""A night that is killed leaves nothing behind and is resumed; ``ci/kill-rounds`` does it often."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.stack import build_stack, load_stack
from harness.tests.kill_rounds import KINDS, Rounds

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

_MOST_ROUNDS = 5


class AtOnce(random.Random):
    """Kills something as soon as it is there."""

    def expovariate(self, lambd: float = 1.0) -> float:
        return 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_kill_leaves_nothing_behind(tmp_path: Path, kind: str) -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    rounds = Rounds(tmp_path / "all", AtOnce())
    # What was there may have ended before it was hit: all the same nothing may be left.
    assert any(rounds.run(kind).startswith(kind) for _ in range(_MOST_ROUNDS))
