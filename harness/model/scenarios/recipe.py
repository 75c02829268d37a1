# SPDX-License-Identifier: BSD-3-Clause
"""Recipes: a script from nothing to a call in which exactly one condition fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.model.calls import Call
from harness.model.realm_side.activity import Smc
from harness.model.realm_side.rsi_conditions import RsiView
from harness.model.realm_side.rsi_conditions import failing as failing_rsi
from harness.model.scenarios.kit import Kit, Unavailable
from harness.model.scenarios.scene import Do, Scene, Step
from harness.model.state import State
from harness.model.stepping import failing_conditions

Build = Callable[[Scene], Step]


@dataclass(frozen=True, slots=True)
class Recipe:
    """``steps`` all succeed (a :class:`Do` may exit); ``final`` fails with ``condition``.

    ``state`` is the model's state before ``final``.
    """

    command: str
    condition: str
    variant: str
    steps: tuple[Step, ...]
    final: Step
    state: State

    @property
    def id(self) -> str:
        """Readable id for a parametrised test."""
        return "-".join(part for part in (self.command, self.condition, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Case:
    """How to build the recipes of one condition; ``variant`` tells cases of one apart."""

    command: str
    condition: str
    build: Build
    variant: str = ""

    @property
    def id(self) -> str:
        """Readable id for a parametrised test."""
        return "-".join(part for part in (self.command, self.condition, self.variant) if part)

    def recipe(self, kit: Kit) -> Recipe:
        """Build the recipe for a machine; Unavailable when it cannot fail there in this way."""
        if (self.command, self.condition) in kit.platform.unchecked:
            raise Unavailable(f"this RMM does not check {self.condition}")
        scene = Scene(kit)
        final = self.build(scene)
        steps = tuple(scene.steps)
        return Recipe(self.command, self.condition, self.variant, steps, final, scene.state)


def failing(state: State, final: Step) -> tuple[str, ...]:
    """Ids of the conditions that fail a call of the host, or an RSI call of a realm."""
    if isinstance(final, Call):
        return failing_conditions(state, final)
    return tuple(c.id for c in failing_rsi(_rsi_view(state, final)))


def _rsi_view(state: State, final: Do) -> RsiView:
    activity = final.activity
    return RsiView(state, state.recs[final.rec], activity if isinstance(activity, Smc) else Smc(()))
