# SPDX-License-Identifier: BSD-3-Clause
"""Another order of what overlapped: a search for one that explains everything seen.

An order is chosen as soon as one fits, and what a realm sees later can show that it was
another one. Each CPU does one thing after the other, and what had returned before something
else was called took effect before it; every order within that is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.tap.replay.ops import Done, Op
from harness.tap.replay.world import World

_MOST_TRIES = 2_000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened on a CPU; ``must`` says that no order may leave it out."""

    op: Op
    cpu: int
    must: bool

    @property
    def called(self) -> int:
        """Number of the event that began it."""
        return self.op.call.seq

    @property
    def returned(self) -> float:
        """Number of the event by which it had happened."""
        return returned(self.op)


def returned(op: Op) -> float:
    """Number of the event by which an op had happened; infinite for one that may still."""
    return float("inf") if op.seen is None else op.seen.seq


class TooMuch(Exception):
    """There are more orders than can be tried."""


Step = tuple[Item, World, Done]
"""An item, the state before it, and what followed."""


def rerun(world: World, ops: list[tuple[Op, int]]) -> list[Step] | None:
    """The steps if all of them follow, one from the other."""
    steps: list[Step] = []
    for op, cpu in ops:
        done = op.run(world)
        if done.problem:
            return None
        steps.append((Item(op, cpu, must=True), world, done))
        world = done.world
    return steps


def find_order(world: World, items: Sequence[Item]) -> list[Step] | None:
    """An order of ``items`` (per CPU in their order) that follows from a state, or None.

    Raises ``TooMuch`` where it gave up before all of them were tried.
    """
    return _Search(items).run(world)


class _Search:
    def __init__(self, items: Sequence[Item]) -> None:
        self._lanes = [
            [item for item in items if item.cpu == cpu] for cpu in {item.cpu for item in items}
        ]
        self._tries = 0

    def run(self, world: World) -> list[Step] | None:
        return self._from(world, (0,) * len(self._lanes))

    def _from(self, world: World, at: tuple[int, ...]) -> list[Step] | None:
        rest = [item for lane, n in zip(self._lanes, at, strict=True) for item in lane[n:]]
        if not any(item.must for item in rest):
            return []
        for number, item in self._next(at, rest):
            self._tries += 1
            if self._tries > _MOST_TRIES:
                raise TooMuch
            done = item.op.run(world)
            if done.problem:
                continue
            after = (*at[:number], at[number] + 1, *at[number + 1 :])
            steps = self._from(done.world, after)
            if steps is not None:
                return [(item, world, done), *steps]
        return None

    def _next(self, at: tuple[int, ...], rest: list[Item]) -> Iterator[tuple[int, Item]]:
        """What can have come next: of each CPU the first, if nothing must come before it."""
        earliest = min(item.returned for item in rest)
        for number, (lane, n) in enumerate(zip(self._lanes, at, strict=True)):
            if n < len(lane) and lane[n].called < earliest:
                yield number, lane[n]
