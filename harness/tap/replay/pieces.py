# SPDX-License-Identifier: BSD-3-Clause
"""What the placer keeps of calls and of what was seen of them, and whom it asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness import model
from harness.tap.events import Call
from harness.tap.replay.ops import Done, Op, asked
from harness.tap.replay.world import World


@dataclass(slots=True)
class UnderWay:
    """A call of the host that has not returned.

    ``assumed`` says that its effect had to be assumed already; ``begun`` that a REC_ENTER is
    known to have entered.
    """

    call: Call
    mark: int
    assumed: bool = False
    begun: bool = False

    @property
    def asked(self) -> model.Call:
        """The call as the model takes it."""
        return asked(self.call)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has no place yet. ``blockers`` were under way elsewhere when it was seen."""

    op: Op
    cpu: int
    mark: int
    blockers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Placed:
    """What has one."""

    op: Op
    cpu: int
    before: World


class Court(Protocol):
    """Who decides about what fits nowhere, and hears of what was placed."""

    def excuse(self, op: Op, world: World) -> World | None:
        """The state to go on with if the op cannot be judged; None if it can."""
        ...

    def placed(self, op: Op, done: Done) -> None:
        """The op follows."""
        ...

    def undecided(self, op: Op, world: World) -> World:
        """More happened meanwhile than was kept: the op may or may not have fitted."""
        ...

    def broken(self, op: Op, done: Done) -> World:
        """The op fits nowhere; return the state to go on with."""
        ...
