# SPDX-License-Identifier: BSD-3-Clause
"""Change points of a series of figures: where its level moved and stayed moved.

Levels are medians, so that one bad night is not a change. The series is cut where the distances
to the levels, and a price for each level, add up to least; of these cuts those are kept at which
the level moved by more than the noise, and by more than a few percent.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

SIDE = 3
"""Nights that a level needs."""

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
    """The changes in a series, in its order. Takes the square of its length in time."""
    if len(values) < 2 * SIDE:
        return []
    noise = _noise(values)
    # A level up and down again costs two moves, and saves at least one in each of its nights.
    cuts = _cuts(values, _least_move(median(values), noise))
    while True:
        edges = [0, *cuts, len(values)]
        sides = list(pairwise([values[a:b] for a, b in pairwise(edges)]))
        changes = [
            Change(cut, median(before), median(after))
            for cut, (before, after) in zip(cuts, sides, strict=True)
        ]
        doubtful = [
            change
            for change, (before, after) in zip(changes, sides, strict=True)
            if not _moved(change, before, after, noise)
        ]
        if not doubtful:
            return changes
        cuts.remove(min(doubtful, key=lambda change: abs(change.after - change.before)).index)


def _moved(change: Change, before: Sequence[float], after: Sequence[float], noise: float) -> bool:
    """Far enough, and on each side there are nights enough that are nearer to it."""
    middle = (change.before + change.after) / 2
    low, high = (before, after) if change.before < change.after else (after, before)
    near = min(sum(value < middle for value in low), sum(value > middle for value in high))
    far = abs(change.after - change.before) > _least_move(change.before, noise)
    return far and near >= SIDE


def _noise(values: Sequence[float]) -> float:
    """Steps from one night to the next are the noise: changes of level hardly count in them."""
    return _SCALE * median(abs(b - a) for a, b in pairwise(values)) / 2**0.5


def _least_move(level: float, noise: float) -> float:
    return max(_NOISE_FACTOR * noise, abs(level) * _LEAST_PERCENT / 100)


def _cuts(values: Sequence[float], price: float) -> list[int]:
    """The cuts of the cheapest partition into levels; of equally cheap ones that with fewest."""
    end = len(values)
    cheapest = [(0.0, 0, 0)] * (end + 1)  # of values[start:]: cost, number of levels, first cut
    for start in reversed(range(end)):
        choices = []
        for cut, distance in _distances(values, start):
            cost, levels, _ = cheapest[cut]
            if cut == end or cut <= end - SIDE:
                choices.append((distance + price + cost, levels + 1, cut))
        cheapest[start] = min(choices, default=(float("inf"), 0, end))
    cuts, at = [], cheapest[0][2]
    while at < end:
        cuts.append(at)
        at = cheapest[at][2]
    return cuts


def _distances(values: Sequence[float], start: int) -> list[tuple[int, float]]:
    """How far the values from ``start`` to each end are from their median, all together."""
    inside: list[float] = []
    found = []
    for end, value in enumerate(values[start:], start + 1):
        insort(inside, value)
        half = len(inside) // 2
        if len(inside) >= SIDE:
            found.append((end, sum(inside[-half:]) - sum(inside[:half])))
    return found
