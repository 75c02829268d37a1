# SPDX-License-Identifier: BSD-3-Clause
"""Seeded random walks, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

from harness.oracle.game import Failure, Game

WALK_BYTES = 4000
"""Choices of one walk: some 250 steps."""

SCENE_WEIGHTS = {
    "nothing": 1,
    "delegated": 1,
    "realm": 1,
    "new": 2,
    "guest": 3,
    "recs": 2,
    "two": 2,
}
"""How often walks begin in a scene."""

WEIGHTED = tuple(name for name, weight in SCENE_WEIGHTS.items() for _ in range(weight))


def soak(
    game: Game, steps: int, seed: int, progress: Callable[[int, float], None] | None = None
) -> Failure | None:
    """Walk until ``steps`` steps were compared; the first failure ends it.

    ``progress`` gets the steps so far and the seconds since the start, after each walk.
    """
    begun_s = time.monotonic()
    number = 0
    while game.steps < steps:
        dice = Random(f"{seed}-{number}")
        failure = game.walk(dice.choice(WEIGHTED), dice.randbytes(WALK_BYTES))
        if failure is not None:
            return failure
        if progress is not None:
            progress(game.steps, time.monotonic() - begun_s)
        number += 1
    return None
