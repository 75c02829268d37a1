# SPDX-License-Identifier: BSD-3-Clause
"""Shortcuts of the replay say and do what the model says and does."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from random import Random

from harness.abi import tables
from harness.model import Call, State, act, step
from harness.model.scenarios import Do, Scene, Wanderer
from harness.model.state import DELEGATED
from harness.tap.replay.shortcuts import SHORTCUTS, shortcut
from harness.tap.replay.world import GranuleMap, World
from harness.tests.model_kits import kit

PAGE = 0x1000
STEPS = 800
HEAP = kit().heap
UNPROTECTED = 1 << 39
NAMES = {fid: tables().by_fid[fid].name for fid in SHORTCUTS}


def world_of(state: State) -> World:
    """The state as a world of its own, with nothing in common."""
    realms = {
        rd: replace(
            realm,
            rtts={
                pa: replace(table, overrides=dict(table.overrides))
                for pa, table in realm.rtts.items()
            },
        )
        for rd, realm in state.realms.items()
    }
    return World(state.platform, GranuleMap().changed(state.granules), realms, dict(state.recs))


def side_by_side(state: State, call: Call) -> tuple[bool, State]:
    """Judge a call both ways; whether the shortcut took it, and the state after it."""
    verdict, after = step(state, call)
    world = world_of(state)
    out = tuple(value or 0 for value in verdict.strict.x) + (0,) * 8
    x = (call.fid, *call.args, *([0] * (7 - len(call.args))))
    for number in range(1, len(verdict.strict.x)):
        wrong = (*out[:number], out[number] ^ PAGE, *out[number + 1 :])
        if not step(state, call)[0].accepts(wrong[: len(verdict.strict.x)]):
            assert not shortcut(world, x, wrong), f"{call}: {wrong}"
        assert world == world_of(state), call
    taken = shortcut(world, x, out)
    assert world == world_of(after if taken else state), call
    return taken and verdict.ok, after


def must_not_succeed(state: State, call: Call) -> None:
    """What the model refuses, a shortcut does not let pass."""
    verdict, _ = step(state, call)
    if not verdict.ok:
        x = (call.fid, *call.args, *([0] * (7 - len(call.args))))
        world = world_of(state)
        assert not shortcut(world, x, (0,) * 8), call
        assert world == world_of(state), call


def furnished() -> State:
    """A realm with memory and tables on both halves, and granules to spare."""
    scene = Scene(kit())
    rd, _ = scene.guest(1, 1, 0, activate=True)
    scene.tables(rd, HEAP)
    scene.tables(rd, UNPROTECTED)
    scene.delegated(8)
    return scene.state


def a_call(state: State, random: Random) -> Call:
    """One of the calls that have shortcuts, with arguments that often are right."""
    fid = random.choice(sorted(SHORTCUTS))
    known = [pa for pa in state.granules if state.granules[pa] == DELEGATED] or [0]
    unknown = kit().granules + random.randrange(64) * PAGE
    rd = random.choice([*state.realms] * 8 + known)
    granules = [random.choice(known), random.choice(known), unknown]
    if "UNDELEGATE" in NAMES[fid] and len(known) < 6:
        granules = [unknown]
    ipa = random.choice([HEAP, UNPROTECTED]) + random.choice([*range(40), 511, 512]) * PAGE
    ipa += random.choice([0] * 12 + [8, 1 << 40, 1 << 21, 1 << 30])
    pa = random.choice(granules) + random.choice([0] * 12 + [8])
    level = random.choice([3, 3, 3, 2, 1, 0, (1 << 64) - 1])
    desc = pa & -PAGE | random.choice([0x98, 0xD8, 0x98, 0xD8, 0x90, 0x10, 1 << 60])
    args = {
        "RMI_GRANULE_DELEGATE": (pa,),
        "RMI_GRANULE_UNDELEGATE": (pa,),
        "RMI_DATA_CREATE_UNKNOWN": (rd, pa, ipa),
        "RMI_DATA_DESTROY": (rd, ipa),
        "RMI_RTT_CREATE": (rd, pa, ipa & -(PAGE << random.choice([0, 9])), level),
        "RMI_RTT_DESTROY": (rd, ipa & -(PAGE << random.choice([9, 9, 18])), level),
        "RMI_RTT_MAP_UNPROTECTED": (rd, ipa | UNPROTECTED, level, desc),
        "RMI_RTT_READ_ENTRY": (rd, ipa & -(PAGE << random.choice([0, 0, 9])), level),
    }
    return Call(fid, args[NAMES[fid]])


def test_random_calls_agree_with_the_model() -> None:
    taken = Counter[str]()
    for seed in range(4):
        state, random = furnished(), Random(seed)
        for _ in range(STEPS):
            call = a_call(state, random)
            must_not_succeed(state, call)
            succeeded, state = side_by_side(state, call)
            taken.update([NAMES[call.fid]] if succeeded else [])
    assert set(taken) == set(NAMES.values()), taken


def test_whatever_a_random_host_does_agrees_with_the_model() -> None:
    state, random, taken = furnished(), Random(7), Counter[str]()
    wanderer = Wanderer(kit(), random.choice)
    for _ in range(STEPS):
        made = wanderer.step(state)
        if isinstance(made, Do):
            _, state = act(state, made.rec, made.activity)
        elif made.fid in SHORTCUTS:
            must_not_succeed(state, made)
            succeeded, state = side_by_side(state, made)
            taken[made.name] += succeeded
        else:
            _, state = step(state, made)
    assert taken.total() > 20, taken


def test_a_shortcut_is_taken_for_whatever_succeeds_without_lpa2() -> None:
    state, random = furnished(), Random(1)
    for _ in range(STEPS):
        call = a_call(state, random)
        ok = step(state, call)[0].ok
        taken, state = side_by_side(state, call)
        assert taken == ok, call


def test_worlds_are_compared_by_what_is_in_them() -> None:
    world = world_of(furnished())
    assert copy.deepcopy(world) == world
