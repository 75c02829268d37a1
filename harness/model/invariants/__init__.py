# SPDX-License-Identifier: BSD-3-Clause
"""What holds in every state and across every step, each with an id and its clause."""

from __future__ import annotations

from harness.model.invariants.granules import GRANULES
from harness.model.invariants.recs import RECS
from harness.model.invariants.rtts import RTTS
from harness.model.invariants.rule import Invariant
from harness.model.invariants.steps import STEPS, StepInvariant
from harness.model.state import State

INVARIANTS: tuple[Invariant, ...] = (*GRANULES, *RTTS, *RECS)
STEP_INVARIANTS: tuple[StepInvariant, ...] = STEPS


def check(state: State) -> list[str]:
    """Every violation of an invariant in this state, one line each; [] when all hold."""
    return [f"{i.id}: {seen} ({i.text})" for i in INVARIANTS for seen in i.violations(state)]


def check_step(before: State, after: State) -> list[str]:
    """Every violation by the change from one state to the next, one line each."""
    return [
        f"{i.id}: {seen} ({i.text})"
        for i in STEP_INVARIANTS
        for seen in i.violations(before, after)
    ]


__all__ = ["INVARIANTS", "STEP_INVARIANTS", "Invariant", "StepInvariant", "check", "check_step"]
