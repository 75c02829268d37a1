# SPDX-License-Identifier: BSD-3-Clause
"""Random calls of the host and of realms: whatever the RMM answers, the model must allow it.

A rule-based machine of Hypothesis chooses what happens next, the choices that it draws say with
which arguments. Both profiles are described in docs/random.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from harness.deadline import Deadline
from harness.model import check
from harness.oracle import SCENES, Dice, Game, Parted, Wanderer
from harness.oracle.dice import NoMoreDice
from harness.oracle.duel import Duel
from harness.oracle.steps import Step
from harness.plugin.games import Shorten

pytestmark = [pytest.mark.rmi, pytest.mark.realm, pytest.mark.requires("realms")]

QUICK = settings(
    max_examples=10,
    stateful_step_count=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
NIGHTLY = settings(
    QUICK,
    max_examples=20,
    stateful_step_count=100,
    derandomize=False,
    database=settings.get_profile("default").database,
    phases=(Phase.reuse, Phase.generate),
)
CHOICES = st.binary(min_size=40, max_size=40)
"""More than any step needs."""


class Calls(RuleBasedStateMachine):
    """Steps from a scene, each compared; everything is taken apart again at the end."""

    game: ClassVar[Game]
    scene: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.match = self.game.begin(self.scene)
        self.duel = self.match.duel

    @rule(choices=CHOICES)
    def host_calls(self, choices: bytes) -> None:
        """The host makes a call that mostly fits the state."""
        self._step(choices, Wanderer.call)

    @rule(choices=CHOICES)
    def host_calls_wrongly(self, choices: bytes) -> None:
        """The host makes a call with one thing wrong."""
        self._step(choices, Wanderer.spoilt_call)

    @rule(choices=CHOICES)
    def host_reads(self, choices: bytes) -> None:
        """The host reads a granule: it may, or it faults."""
        self._step(choices, Wanderer.peek)

    @precondition(lambda self: self.duel.bodies)
    @rule(choices=CHOICES)
    def realm_acts(self, choices: bytes) -> None:
        """A REC is entered, and its program does something."""
        self._step(choices, Wanderer.deed)

    @precondition(lambda self: self.duel.bodies)
    @rule(choices=CHOICES)
    def realm_acts_again(self, choices: bytes) -> None:
        """The same, so that it happens as often as calls of the host."""
        self._step(choices, Wanderer.deed)

    @precondition(lambda self: self.duel.naps.on)
    @rule(choices=CHOICES)
    def running_realm_ends(self, choices: bytes) -> None:
        """A REC that ran on another PE all the while exits."""
        self._step(choices, Wanderer.wake)

    def teardown(self) -> None:
        """The model kept its own rules, and all granules can be had back."""
        if not self.match.over:
            assert check(self.duel.state) == []
            self.match.end()

    def _step(self, choices: bytes, make: Callable[[Wanderer, Duel], Step | None]) -> None:
        try:
            made = make(Wanderer(self.duel.ground, Dice(choices)), self.duel)
        except NoMoreDice:
            return
        if made is not None:
            self.match.play(made)


@pytest.mark.parametrize("scene", SCENES)
def test_model_and_monitor_agree(
    game: Game, scene: str, budget: float | None, shorten: Shorten
) -> None:
    """Every answer, exit, report of a realm and granule is as the model has it (RTT-11)."""
    calls = type(f"CallsFrom{scene.title()}", (Calls,), {"game": game, "scene": scene})
    try:
        if budget is None:
            run_state_machine_as_test(calls, settings=QUICK)
        else:
            walk_on(calls, budget)
    except (Parted, HypothesisException):
        if game.failure is None:
            raise
        raise shorten(game.failure) from None


def walk_on(calls: type[Calls], budget: float) -> None:
    """Run after run, each with a seed of its own, until time is up."""
    deadline = Deadline.after(budget)
    while not deadline.expired:
        run_state_machine_as_test(seed(random.getrandbits(64))(calls), settings=NIGHTLY)
