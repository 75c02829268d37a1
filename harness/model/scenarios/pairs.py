# SPDX-License-Identifier: BSD-3-Clause
"""Every pair of conditions that the tables order (transitively closed), REC_ENTER's apart,
and a few more that the conformance suite looks at.

Where the tables say more than one thing about a command's arguments at once, the state is
built by spoiling them together.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.model.calls import Call
from harness.model.params import mpidr_of
from harness.model.rtt import entry_bytes
from harness.model.scenarios import enter_pairs
from harness.model.scenarios.families import arg, constant, of_realm, plus, spoilt
from harness.model.scenarios.good import (
    ATTRIBUTES,
    GOOD,
    rec_create,
    ripas_asked,
)
from harness.model.scenarios.pair import Pair
from harness.model.scenarios.recipe import Build
from harness.model.scenarios.scene import Scene, with_args
from harness.model.state import GranuleState
from harness.types import GRANULE_BYTES

_BLOCK = entry_bytes(2)
_NO_REALM = "a granule that is no RD has no realm"
_NO_REC = "a granule that is no REC is not in a REC's state"
_NO_WALK = "a walk needs a valid level, and an IPA in the half that the command is about"
_NO_TABLE = "an entry that is no table has no contents that could be live or differ"
_UNPROTECTED = of_realm(lambda realm: realm.protected_top)
_BEYOND = of_realm(lambda realm: realm.ipa_top)
_SECOND_PE = 1


def _no_rd(command: str, change: Build | None = None) -> Build:
    """The RD argument is a root table of its realm; ``change`` makes the rest of the call."""

    def build(scene: Scene) -> Call:
        made = (change or GOOD[command])(scene)
        assert isinstance(made, Call)
        return with_args(made, rd=scene.of(arg(made, "rd")).rtt_base)

    return build


def _former_realm(command: str) -> Build:
    """The RD argument was an ACTIVE realm, which has been destroyed."""

    def build(scene: Scene) -> Call:
        former = scene.realm()
        scene.do("RMI_REALM_ACTIVATE", former)
        scene.do("RMI_REALM_DESTROY", former)
        return with_args(GOOD[command](scene), rd=former)

    return build


def _at_ns_page(command: str) -> Build:
    """The IPA is one where an NS page is mapped."""

    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        rd = arg(made, "rd")
        ipa = scene.of(rd).protected_top
        scene.tables(rd, ipa)
        scene.do("RMI_RTT_MAP_UNPROTECTED", rd, ipa, 3, scene.page() | ATTRIBUTES)
        return with_args(made, ipa=ipa)

    return build


def _at_unassigned_ns(scene: Scene) -> Call:
    made = GOOD["RMI_DATA_DESTROY"](scene)
    rd = arg(made, "rd")
    ipa = scene.of(rd).protected_top
    scene.tables(rd, ipa)
    return with_args(made, ipa=ipa)


def _at_data(command: str) -> Build:
    """The IPA is a protected one where data is mapped."""

    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        scene.data(arg(made, "rd"), scene.kit.heap)
        return with_args(made, ipa=scene.kit.heap)

    return build


def _data_pairs() -> Iterator[Pair]:
    name = "RMI_DATA_CREATE"
    no_walk = spoilt(name, ipa=plus("ipa", _BLOCK))
    yield Pair(name, "rd_state", "realm_state", _former_realm(name), _NO_REALM)
    unprotected = spoilt(name, ipa=_UNPROTECTED)
    yield Pair(name, "rd_state", "ipa_bound", _no_rd(name, unprotected), _NO_REALM)
    yield Pair(name, "rd_state", "rtt_walk", _no_rd(name, no_walk), _NO_REALM)
    yield Pair(name, "rd_state", "rtte_state", _no_rd(name, _mapped), _NO_REALM)
    for name in ("RMI_DATA_CREATE", "RMI_DATA_CREATE_UNKNOWN", "RMI_DATA_DESTROY"):
        no_table = spoilt(name, ipa=_UNPROTECTED)
        yield Pair(name, "ipa_bound", "rtt_walk", no_table, _NO_WALK)
        at = _at_unassigned_ns if name == "RMI_DATA_DESTROY" else _at_ns_page(name)
        yield Pair(name, "ipa_bound", "rtte_state", at, _NO_WALK)


def _mapped(scene: Scene) -> Call:
    made = GOOD["RMI_DATA_CREATE"](scene)
    scene.data(arg(made, "rd"), arg(made, "ipa"))
    return made


def _rec_of_live_realm(scene: Scene) -> Call:
    rd = scene.realm()
    scene.rec(rd)
    return scene.call("RMI_REALM_DESTROY", rd)


def _aux_of_running(scene: Scene) -> Call:
    _, (rec,) = scene.guest()
    scene.enter(rec, pe=_SECOND_PE)
    return scene.call("RMI_REC_DESTROY", enter_pairs.aux_of(scene, rec))


def _realm_pairs() -> Iterator[Pair]:
    name = "RMI_REALM_ACTIVATE"
    yield Pair(name, "rd_state", "realm_state", _former_realm(name), _NO_REALM)
    name = "RMI_REALM_DESTROY"
    yield Pair(name, "rd_state", "realm_live", _no_rd(name, _rec_of_live_realm), _NO_REALM)
    name = "RMI_REC_CREATE"
    yield Pair(name, "rd_state", "realm_state", _former_realm(name), _NO_REALM)
    skipped = _no_rd(name, lambda scene: rec_create(scene, mpidr=mpidr_of(1)))
    yield Pair(name, "rd_state", "mpidr_index", skipped, _NO_REALM)
    none = _no_rd(name, lambda scene: rec_create(scene, num_aux=0, aux=()))
    yield Pair(name, "rd_state", "num_aux", none, _NO_REALM)
    yield Pair("RMI_REC_DESTROY", "rec_gran_state", "rec_state", _aux_of_running, _NO_REC)


def _block_beside_table(command: str) -> Build:
    """An entry without a table below it, in a table that holds one."""
    return spoilt(command, ipa=plus("ipa", _BLOCK))


def _table_pairs() -> Iterator[Pair]:
    for name in ("RMI_RTT_CREATE", "RMI_RTT_DESTROY", "RMI_RTT_FOLD"):
        lost = plus("ipa", entry_bytes(1))
        bad_level = spoilt(name, level=constant(4), ipa=lost)
        yield Pair(name, "level_bound", "rtt_walk", bad_level, _NO_WALK)
        beyond = spoilt(name, ipa=_BEYOND)
        yield Pair(name, "ipa_bound", "rtt_walk", beyond, _NO_WALK)
    name = "RMI_RTT_CREATE"
    unaligned = spoilt(name, level=constant(4), ipa=plus("ipa", GRANULE_BYTES // 2))
    yield Pair(name, "level_bound", "ipa_align", unaligned, _NO_WALK)
    for name, second in (("RMI_RTT_DESTROY", "rtt_live"), ("RMI_RTT_FOLD", "rtt_homo")):
        yield Pair(name, "rtte_state", second, _block_beside_table(name), _NO_TABLE)
    for name in ("RMI_RTT_MAP_UNPROTECTED", "RMI_RTT_UNMAP_UNPROTECTED"):
        bad_level = spoilt(name, level=constant(4), ipa=plus("ipa", _BLOCK))
        yield Pair(name, "level_bound", "rtt_walk", bad_level, _NO_WALK)
        yield Pair(name, "ipa_bound", "rtt_walk", spoilt(name, ipa=constant(0)), _NO_WALK)
    for name, offset in (("RMI_RTT_UNMAP_UNPROTECTED", GRANULE_BYTES), ("RMI_RTT_FOLD", _BLOCK)):
        unsuitable = spoilt(name, level=constant(4), ipa=plus("ipa", offset))
        yield Pair(name, "level_bound", "rtte_state", unsuitable, _NO_WALK)
    name = "RMI_RTT_MAP_UNPROTECTED"
    yield Pair(name, "ipa_bound", "rtte_state", _at_data(name), _NO_WALK)


def _init(scene: Scene, offset: int, top: int, *, active: bool = False) -> Call:
    """RMI_RTT_INIT_RIPAS from ``offset`` behind the heap, where no last-level table is."""
    rd, heap = scene.realm(), scene.kit.heap
    scene.tables(rd, heap, 2)
    if active:
        scene.do("RMI_REALM_ACTIVATE", rd)
    return scene.call("RMI_RTT_INIT_RIPAS", rd, heap + offset, top)


def _init_over_border(scene: Scene) -> Call:
    made = _init(scene, GRANULE_BYTES, 0)
    return with_args(made, top=scene.of(arg(made, "rd")).protected_top + GRANULE_BYTES)


def _init_pairs() -> Iterator[Pair]:
    name, page = "RMI_RTT_INIT_RIPAS", GRANULE_BYTES
    yield Pair(name, "size_valid", "base_align", lambda scene: _init(scene, page, 0))
    yield Pair(name, "top_bound", "base_align", _init_over_border)

    def middle_of_active(scene: Scene) -> Call:
        return _init(scene, page, scene.kit.heap + _BLOCK, active=True)

    def middle(scene: Scene) -> Call:
        return _init(scene, page, scene.kit.heap + _BLOCK)

    def odd_page(scene: Scene) -> Call:
        return _init(scene, 0, scene.kit.heap + page // 2)

    yield Pair(name, "realm_state", "base_align", middle_of_active)
    yield Pair(name, "top_gran_align", "no_progress", odd_page)
    yield Pair(name, "rd_state", "realm_state", _former_realm(name), _NO_REALM)
    yield Pair(name, "rd_state", "base_align", _no_rd(name, middle), _NO_REALM)


def _set_ripas(scene: Scene, offset: int, top: int) -> Call:
    """A request for the first block of the heap; RMI_RTT_SET_RIPAS names something else."""
    heap = scene.kit.heap
    asked = ripas_asked(scene, heap, heap + _BLOCK, 2)
    return scene.call("RMI_RTT_SET_RIPAS", *asked, heap + offset, heap + top)


def _running_stranger(scene: Scene) -> Call:
    """The REC runs, and its realm is not the one of the call."""
    made = GOOD["RMI_RTT_SET_RIPAS"](scene)
    rd = scene.granule_in(GranuleState.RD)
    scene.tables(rd, arg(made, "base"))
    scene.enter(arg(made, "rec"), pe=_SECOND_PE)
    return with_args(made, rd=rd)


def _aux_for_ripas(running: bool) -> Build:
    def build(scene: Scene) -> Call:
        made = GOOD["RMI_RTT_SET_RIPAS"](scene)
        rec = arg(made, "rec")
        if running:
            scene.enter(rec, pe=_SECOND_PE)
            return with_args(made, rec=enter_pairs.aux_of(scene, rec))
        rd = scene.granule_in(GranuleState.RD)
        scene.tables(rd, arg(made, "base"))
        return with_args(made, rd=rd, rec=enter_pairs.aux_of(scene, rec))

    return build


def _set_pairs() -> Iterator[Pair]:
    name, page = "RMI_RTT_SET_RIPAS", GRANULE_BYTES
    yield Pair(name, "base_bound", "base_align", lambda scene: _set_ripas(scene, page, _BLOCK))
    odd = page // 2
    yield Pair(name, "top_gran_align", "no_progress", lambda scene: _set_ripas(scene, 0, odd))
    running, stranger = _aux_for_ripas(running=True), _aux_for_ripas(running=False)
    yield Pair(name, "rec_gran_state", "rec_state", running, _NO_REC)
    yield Pair(name, "rec_gran_state", "rec_owner", stranger, _NO_REC)
    yield Pair(name, "rec_state", "rec_owner", _running_stranger)


PAIRS: tuple[Pair, ...] = (
    *_data_pairs(),
    *_realm_pairs(),
    *_table_pairs(),
    *_init_pairs(),
    *_set_pairs(),
    *enter_pairs.PAIRS,
)
