# SPDX-License-Identifier: BSD-3-Clause
"""Every condition of the tables has a predicate, and a recipe in which it alone fails."""

from __future__ import annotations

import pytest

from harness.abi import Command, tables
from harness.model import Call, EnterVerdict, State, act, step
from harness.model.conditions import CONDITIONS
from harness.model.realm_side.rsi_conditions import CONDITIONS as RSI_CONDITIONS
from harness.model.realm_side.rsi_conditions import UNPREDICTABLE
from harness.model.scenarios import (
    CASES,
    GOOD,
    PAIRS,
    Case,
    Do,
    Pair,
    Scene,
    Unavailable,
    failing,
)
from harness.model.verdict import order
from harness.tests.model_kits import NARROW, PLAIN, kit

COMMANDS = [c for c in tables().commands.values() if c.name.startswith(("RMI_", "RSI_"))]
IN_TABLES = {(command.name, f.id) for command in COMMANDS for f in command.failures}


def test_registry_is_the_tables() -> None:
    registry = {**CONDITIONS, **RSI_CONDITIONS}
    assert set(registry) == {command.name for command in COMMANDS}
    assert {(name, c) for name, conditions in registry.items() for c in conditions} == IN_TABLES


def test_each_condition_has_a_recipe() -> None:
    assert {(case.command, case.condition) for case in CASES} == IN_TABLES - UNPREDICTABLE


def test_recipe_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_order_pairs_agree_with_the_order_of_the_table(command: Command) -> None:
    """Otherwise the strict answer would not be acceptable."""
    ids = [condition.id for condition in command.failures]
    assert all(ids.index(a) < ids.index(b) for a, b in order(command))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_recipe_fails_with_its_condition_alone(case: Case) -> None:
    try:
        recipe = case.recipe(kit(PLAIN))
    except Unavailable:
        recipe = case.recipe(kit(NARROW))
    assert failing(recipe.state, recipe.final) == (case.condition,)


def test_each_ordered_pair_has_a_recipe() -> None:
    wanted = {(command.name, *pair) for command in COMMANDS for pair in order(command)}
    assert wanted <= {(pair.command, pair.first, pair.second) for pair in PAIRS}


def test_pair_ids_are_unique() -> None:
    assert len({pair.id for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.id)
def test_first_condition_of_a_pair_is_reported(pair: Pair) -> None:
    """Both hold, unless the pair says why the second one cannot be asked."""
    recipe = pair.recipe(kit(PLAIN))
    assert isinstance(recipe.final, Call)
    verdict, _ = step(recipe.state, recipe.final)
    assert verdict.condition == pair.first
    both = (pair.first,) if pair.undefined else (pair.first, pair.second)
    assert failing(recipe.state, recipe.final) == both


@pytest.mark.parametrize("name", GOOD)
def test_unspoilt_call_succeeds(name: str) -> None:
    scene = Scene(kit())
    made = GOOD[name](scene)
    verdict, _ = step(scene.state, made)
    assert verdict.ok, verdict.explain()
    assert isinstance(verdict, EnterVerdict) is (name == "RMI_REC_ENTER")


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: case.id)
def test_recipe_is_a_script_from_nothing(case: Case) -> None:
    """Replaying the steps leads to the state that the recipe names."""
    try:
        machine = kit(PLAIN)
        recipe = case.recipe(machine)
    except Unavailable:
        machine = kit(NARROW)
        recipe = case.recipe(machine)
    state = State(machine.platform)
    for made in recipe.steps:
        if isinstance(made, Do):
            _, state = act(state, made.rec, made.activity)
        else:
            verdict, state = step(state, made)
            assert verdict.ok, verdict.explain()
    assert state == recipe.state
