# SPDX-License-Identifier: BSD-3-Clause
"""Each invariant notices a state, or a step, that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from harness.model import Granule, GranuleState, Hipas, RealmState, Ripas, State, check, check_step
from harness.model.invariants import INVARIANTS, STEP_INVARIANTS
from harness.model.rtt import UNASSIGNED, Entry
from harness.model.scenarios import Scene
from harness.model.state import Abort, PsciRequest, RipasWindow, Running
from harness.tests.model_kits import DEVICE, kit


@dataclass(frozen=True)
class World:
    """A state with two realms, data, tables and RECs; ``rd``, ``rec`` are of the first."""

    state: State
    rd: int
    rec: int
    other: int

    def realm(self, **changes: Any) -> State:
        return self.state.with_realm(replace(self.state.realms[self.rd], **changes))

    def rec_with(self, **changes: Any) -> State:
        return self.state.with_rec(replace(self.state.recs[self.rec], **changes))

    def entry(self, ipa: int, level: int, entry: Entry) -> State:
        realm = self.state.realms[self.rd]
        walk = realm.walk(ipa, level)
        table = replace(walk.table, overrides={**walk.table.overrides, walk.index: entry})
        return self.realm(rtts={**realm.rtts, walk.table_pa: table})

    def granules(self, **changes: Granule) -> State:
        return self.state.with_granules({int(k[1:], 16): g for k, g in changes.items()})


@pytest.fixture(scope="module")
def world() -> World:
    scene = Scene(kit())
    rd, recs = scene.guest(1, 0)
    other = scene.realm()
    return World(scene.state, rd, recs[0], other)


ABORT = Abort(is_emulatable=True, is_read=True, width_bytes=8, sign_extend=False, register_bits=64)
BEYOND = 1 << 40


def _move_child(world: World) -> State:
    realm = world.state.realms[world.rd]
    pa = realm.walk(0, 2).table_pa
    table = replace(realm.rtts[pa], level=3)
    return world.realm(rtts={**realm.rtts, pa: table})


def _move_root(world: World) -> State:
    realm = world.state.realms[world.rd]
    table = replace(realm.rtts[realm.rtt_base], base=1 << 39)
    return world.realm(rtts={**realm.rtts, realm.rtt_base: table})


def _vmids(world: World) -> State:
    return world.realm(vmid=world.state.realms[world.other].vmid)


def _shared_data(world: World) -> State:
    pa = world.state.realms[world.rd].walk(0x1_0000, 3).entry.pa
    return world.entry(0, 3, Entry(Hipas.ASSIGNED, Ripas.RAM, pa))


def _new_with_request(world: World) -> State:
    state = world.rec_with(host_call=0)
    return state.with_realm(replace(state.realms[world.rd], state=RealmState.NEW))


NO_SPACE = {"ipa_width": 16}
NEW_RUNNING = Running(0)


def _running_in_new(world: World) -> State:
    state = world.rec_with(running=NEW_RUNNING)
    return state.with_realm(replace(state.realms[world.rd], state=RealmState.NEW))


def _two_on_a_pe(world: World) -> State:
    state = world.state
    for rec in state.recs.values():
        state = state.with_rec(replace(rec, is_runnable=True, running=Running(3)))
    return state


BROKEN: list[tuple[str, Callable[[World], State]]] = [
    ("GRAN-1", _shared_data),
    ("GRAN-2", lambda w: w.granules(x80000000=Granule(GranuleState.DATA, w.rd))),
    ("GRAN-2", lambda w: w.state.without_rec(w.rec)),
    ("GRAN-3", lambda w: w.state.with_granules({DEVICE: Granule(GranuleState.DELEGATED)})),
    ("GRAN-4", lambda w: w.granules(xa0000000=Granule(GranuleState.DELEGATED, w.rd))),
    ("GRAN-4", lambda w: w.granules(xa0000000=Granule(GranuleState.UNDELEGATED))),
    ("RTT-1", lambda w: w.entry(1 << 30, 1, Entry(Hipas.TABLE, pa=0xA000_0000))),
    ("RTT-1", lambda w: w.entry(0, 1, UNASSIGNED[Ripas.EMPTY])),
    ("RTT-2", _move_child),
    ("RTT-3", _move_root),
    ("RTT-4", lambda w: w.entry(0, 3, Entry(Hipas.ASSIGNED_NS))),
    ("RTT-5", lambda w: w.entry(1 << 39, 1, Entry(Hipas.ASSIGNED_NS, Ripas.RAM))),
    ("RTT-6", lambda w: w.entry(1 << 39, 1, Entry(Hipas.ASSIGNED_NS, pa=0x1000))),
    ("RTT-7", lambda w: w.entry(0, 3, Entry(Hipas.TABLE, pa=0x1000))),
    ("RTT-8", lambda w: w.realm(**NO_SPACE)),
    ("RTT-9", lambda w: w.entry(0, 3, UNASSIGNED[Ripas.EMPTY])),
    ("REALM-1", _vmids),
    ("REALM-2", lambda w: w.realm(rec_count=5)),
    ("REALM-3", lambda w: w.realm(next_index=500)),
    ("REALM-4", lambda w: w.realm(rim=b"\1" * 64)),
    ("REALM-5", lambda w: w.realm(state=RealmState.NEW, rems=(b"\1" * 32 + bytes(32),) * 4)),
    ("REC-1", lambda w: w.rec_with(index=1)),
    ("REC-2", lambda w: w.rec_with(aux=())),
    ("REC-3", _running_in_new),
    ("REC-3", lambda w: w.rec_with(running=Running(0), is_runnable=False)),
    ("REC-4", _two_on_a_pe),
    ("REC-5", lambda w: w.rec_with(running=Running(0), abort=ABORT)),
    ("REC-5", lambda w: w.rec_with(psci_reply=0, abort=ABORT)),
    ("REC-6", _new_with_request),
    ("REC-7", lambda w: w.rec_with(psci=PsciRequest(0, 0))),
    ("REC-7", lambda w: w.rec_with(psci=PsciRequest(0, 9))),
    (
        "REC-8",
        lambda w: w.rec_with(ripas=RipasWindow(0, BEYOND, Ripas.RAM, change_destroyed=False)),
    ),
]


def test_world_is_sound(world: World) -> None:
    assert check(world.state) == []
    assert check_step(world.state, world.state) == []


@pytest.mark.parametrize(("wanted", "spoil"), BROKEN, ids=[name for name, _ in BROKEN])
def test_invariant_notices(world: World, wanted: str, spoil: Callable[[World], State]) -> None:
    assert wanted in {line.split(":")[0] for line in check(spoil(world))}


BROKEN_STEPS: list[tuple[str, Callable[[World], State]]] = [
    ("STEP-1", lambda w: w.realm(rim=bytes(64))),
    ("STEP-2", lambda w: w.realm(state=RealmState.NEW, rems=(b"\1" * 64,) * 4)),
    ("STEP-3", lambda w: w.realm(state=RealmState.NEW)),
    ("STEP-4", lambda w: w.realm(next_index=0)),
    ("STEP-5", lambda w: w.realm(ipa_width=33)),
    ("STEP-6", lambda w: w.state.with_granules({w.rec: Granule(GranuleState.DATA, w.rd)})),
]


@pytest.mark.parametrize(("wanted", "spoil"), BROKEN_STEPS, ids=[name for name, _ in BROKEN_STEPS])
def test_step_invariant_notices(world: World, wanted: str, spoil: Callable[[World], State]) -> None:
    lines = check_step(world.state, spoil(world))
    assert wanted in {line.split(":")[0] for line in lines}


def test_every_invariant_is_broken_once() -> None:
    assert {i.id for i in INVARIANTS} == {name for name, _ in BROKEN}
    assert {i.id for i in STEP_INVARIANTS} == {name for name, _ in BROKEN_STEPS}


def test_blocks_are_counted_granule_by_granule() -> None:
    scene = Scene(kit())
    rd = scene.realm()
    heap = scene.kit.heap
    scene.tables(rd, heap)
    base = scene.delegated(512)
    for offset in range(0, 2 << 20, 4096):
        scene.do("RMI_DATA_CREATE_UNKNOWN", rd, base + offset, heap + offset)
    scene.do("RMI_RTT_FOLD", rd, heap, 3)
    assert check(scene.state) == []
    scene.do("RMI_RTT_CREATE", rd, scene.delegated(), heap, 3)
    assert check(scene.state) == []


def test_document_lists_every_invariant() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "model.md").read_text(encoding="utf-8")
    rows = [(i.id, i.text, i.clause) for i in INVARIANTS]
    rows += [(i.id, i.text, i.clause) for i in STEP_INVARIANTS]
    for row in rows:
        assert f"| {' | '.join(row)} |" in text
