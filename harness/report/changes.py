# SPDX-License-Identifier: BSD-3-Clause
"""Change points of a series of figures: where its level moved and stayed moved.

Levels are medians, so that one bad night is not a change. A split is kept if the levels on its
sides differ by more than the noise around them, and by more than a few percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

SIDE = 3
"""Nights that a level needs on each side of a change."""

_NOISE_FACTOR = 4.0
_LEAST_PERCENT = 5.0
_SCALE = 1.4826
"""From the median of distances to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Change:
    """The level before ``index`` and from there on."""

    index: int
    before: float
    after: float

    @property
    def percent(self) -> float:
        """How far the level moved."""
        return 100.0 * (self.after - self.before) / self.before if self.before else 0.0


def find_changes(values: Sequence[float]) -> list[Change]:
    """The changes in a series, in its order."""
    cuts = _cuts(values, 0, len(values))
    if not cuts:
        return []
    edges = [0, *cuts, len(values)]
    levels = [median(values[a:b]) for a, b in pairwise(edges)]
    return [
        Change(cut, before, after)
        for cut, before, after in zip(cuts, levels, levels[1:], strict=False)
    ]


def _cuts(values: Sequence[float], start: int, end: int) -> list[int]:
    """Split where the distances from both medians add up to least; then look on both sides."""
    best, best_cost = None, float("inf")
    for cut in range(start + SIDE, end - SIDE + 1):
        cost = _distance(values[start:cut]) + _distance(values[cut:end])
        if cost < best_cost:
            best, best_cost = cut, cost
    if best is None or not _moved(values[start:best], values[best:end]):
        return []
    return [*_cuts(values, start, best), best, *_cuts(values, best, end)]


def _distance(values: Sequence[float]) -> float:
    level = median(values)
    return sum(abs(value - level) for value in values)


def _moved(before: Sequence[float], after: Sequence[float]) -> bool:
    """Steps from one night to the next are the noise: other changes hardly count in them."""
    old, new = median(before), median(after)
    steps = [abs(b - a) for side in (before, after) for a, b in pairwise(side)]
    noise = _SCALE * median(steps) / 2**0.5
    moved = abs(new - old)
    return moved > _NOISE_FACTOR * noise and moved > abs(old) * _LEAST_PERCENT / 100
