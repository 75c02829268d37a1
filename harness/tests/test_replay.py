# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe leaves is taken back by calls that succeed; what is looked at follows from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.abi import codec, tables
from harness.model import Access, Call, GranuleState, Interrupt, Kind, State, act, call, step
from harness.model.scenarios import CASES, PAIRS, Case, Do, Pair, Recipe, Scene, Step, Unavailable
from harness.realm.exits import decode_exit
from harness.replay import Player, PlayFailed
from harness.replay.scope import scope_of
from harness.replay.undo import undoing
from harness.tests.model_kits import GRANULES, NARROW, PAGES, PLAIN, PROGRAM, kit

ROWS: list[Case | Pair] = [*CASES[::5], *PAIRS[::5]]
PROGRAM_IPAS = frozenset(ipa for ipa, _ in PROGRAM)


def recipe_of(row: Case | Pair) -> Recipe:
    try:
        return row.recipe(kit(PLAIN))
    except Unavailable:
        return row.recipe(kit(NARROW))


def stopped(state: State) -> State:
    """The state after all RECs were interrupted."""
    for pa, rec in state.recs.items():
        if rec.running is not None:
            _, state = act(state, pa, Interrupt())
    return state


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_everything_is_undone(row: Case | Pair) -> None:
    state = stopped(recipe_of(row).state)
    for made in undoing(state):
        verdict, state = step(state, made)
        assert verdict.ok, verdict.explain()
    assert (state.granules, state.realms, state.recs) == ({}, {}, {})


def scope(case_id: str) -> tuple[Recipe, dict[int, str], tuple[int, ...]]:
    recipe = recipe_of(next(case for case in CASES if case.id == case_id))
    found = scope_of(recipe.state, recipe.final, PROGRAM_IPAS)
    return recipe, found.contents, found.accessible


def test_all_granules_and_pages_of_a_quiet_state_are_in_the_scope() -> None:
    recipe, contents, accessible = scope("RMI_DATA_CREATE-flags_valid")
    assert isinstance(recipe.final, Call)
    source = recipe.final.args[3]
    assert set(contents) == {*recipe.state.granules, source} == set(accessible)


def test_a_running_rec_is_not_in_the_scope() -> None:
    recipe, contents, accessible = scope("RMI_REC_DESTROY-rec_state")
    running = {pa for pa, rec in recipe.state.recs.items() if rec.running is not None}
    idle = set(recipe.state.recs) - running
    assert running.isdisjoint(contents)
    assert idle <= set(contents)
    assert set(recipe.state.granules) <= set(accessible)


def test_memory_that_a_realm_only_names_is_in_the_scope() -> None:
    """The page that RSI_REALM_CONFIG must not write is compared, the program's pages are not."""
    _, contents, _ = scope("RSI_REALM_CONFIG-addr_align")
    assert list(contents.values()).count(GranuleState.DATA) == 1


class FakeWorld:
    """Answers every call with the same x0; it is its own link."""

    def __init__(self, x0: int = 0) -> None:
        self.x = (x0, *[0] * 7)

    @property
    def link(self) -> FakeWorld:
        return self

    def smc(self, *_args: int, pe: int = 0) -> tuple[int, ...]:
        return self.x

    def smc_each(self, calls: list[tuple[int, ...]], **_: object) -> list[tuple[int, ...]]:
        return [self.x for _ in calls]


def player(x0: int) -> Player:
    world: Any = FakeWorld(x0)
    return Player(world, kit(PLAIN))


def test_answer_that_is_not_the_model_s_fails_the_row() -> None:
    with pytest.raises(PlayFailed, match="the machine answers otherwise") as caught:
        player(1).play([call("RMI_GRANULE_DELEGATE", GRANULES)])
    assert "wanted: RMI_SUCCESS\nseen:   RMI_ERROR_INPUT: not acceptable" in str(caught.value)


def test_step_that_has_to_succeed_and_does_not_fails_the_row() -> None:
    with pytest.raises(PlayFailed, match="this was to succeed") as caught:
        player(1).play([call("RMI_GRANULE_UNDELEGATE", GRANULES)])
    assert "[gran_state]" in str(caught.value)


@pytest.mark.parametrize("shows", [True, False])
def test_exit_that_may_be_two_decides_what_the_next_entry_may_do(
    shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that showed the syndrome of a permission fault takes an emulation of it."""
    border, access = 1 << 39, Access(1 << 39, Kind.WRITE, value=7)
    read_only = tables().bitfield("UnprotectedDesc").encode(MemAttr=0b110, S2AP=0b01)
    scene = Scene(kit(PLAIN))
    rd, (rec,) = scene.guest(activate=False)
    scene.tables(rd, border)
    scene.do("RMI_RTT_MAP_UNPROTECTED", rd, border, 3, PAGES | read_only)
    scene.do("RMI_REALM_ACTIVATE", rd)
    scene.enter(rec)
    wanted: Any = act(scene.state, rec, access)[0]
    shown = wanted.other if shows else wanted
    area = codec("RmiRecExit").encode(**shown.fields, gprs=shown.gprs)
    guest = SimpleNamespace(submit=lambda *_: decode_exit(area))
    one = player(0)
    one.state = scene.state
    monkeypatch.setattr(one, "_guest", lambda _rec: guest)
    flags = tables().bitfield("RmiRecEnterFlags").encode(EMUL_MMIO=1)
    steps: list[Step] = [Do(rec, access)]
    steps.append(scene.call("RMI_REC_ENTER", rec, scene.run_page(flags=flags)))
    if shows:
        one.play(steps)
        assert one.state.recs[rec].running is not None
    else:
        monkeypatch.setattr(one, "_write_pages", lambda _made: None)
        with pytest.raises(PlayFailed, match="rec_mmio"):
            one.play(steps)
