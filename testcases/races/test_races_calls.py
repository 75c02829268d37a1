# SPDX-License-Identifier: BSD-3-Clause
"""Two PEs make calls about the same thing at once: one order of the two must explain the results.

The order is found by the model; what follows is compared with it, up to the last granule given
back. A call may come before, after or, where a REC is entered, while the REC runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from harness.abi import tables
from harness.model import Access, Kind, Smc
from harness.model.params import mpidr_of
from harness.oracle import Game, Match
from harness.oracle.ground import HEAP
from harness.oracle.race import A_CALL, collide
from harness.oracle.setting import Setting
from harness.oracle.steps import NOP, Issue, Peek, Step
from harness.types import GRANULE_BYTES as PAGE

pytestmark = [pytest.mark.rmi, pytest.mark.realm, pytest.mark.requires("realms")]

WAITS = ((0, 0), (3, 0), (0, 3), (20, 0), (0, 20), (0, 0), (60, 0), (0, 60))
"""How long each PE waits before its call, round after round."""

WAITS_OF_ENTRIES = ((0, 0), (0, 2 * A_CALL), (0, 4 * A_CALL), (0, 8 * A_CALL))
"""The same where a REC is entered: that takes long."""

MOST_SCENES = 4
"""Rounds of races that do not lead back to their scene."""

FREE = HEAP + 2 * PAGE
"""In scenes with memory: the first page that is RAM without data."""

READ = Access(HEAP)


@dataclass(frozen=True)
class Clash:
    """Two calls; ``before`` leads there from the scene, ``after`` leads back to it.

    Steps of ``after`` that do not fit the result of the race are refused by model and RMM.
    """

    first: Issue
    second: Issue
    after: tuple[Step, ...] = ()
    before: tuple[Step, ...] = ()


Make = Callable[[Setting], Clash]
RACES: dict[str, tuple[str, Make]] = {}


def race(scene: str) -> Callable[[Make], Make]:
    """Book a race from a scene, under its function's name."""

    def book(make: Make) -> Make:
        RACES[make.__name__] = scene, make
        return make

    return book


def delegate(pa: int) -> Issue:
    return Issue("RMI_GRANULE_DELEGATE", (pa,))


def undelegate(pa: int) -> Issue:
    return Issue("RMI_GRANULE_UNDELEGATE", (pa,))


# Granules


@race("delegated")
def granule_delegated_twice(s: Setting) -> Clash:
    pa = s.fresh()
    return Clash(delegate(pa), delegate(pa), (Peek(pa), undelegate(pa)))


@race("delegated")
def granule_undelegated_twice(s: Setting) -> Clash:
    pa = s.delegated(0)
    return Clash(undelegate(pa), undelegate(pa), (Peek(pa), delegate(pa)))


@race("delegated")
def granule_delegated_and_undelegated(s: Setting) -> Clash:
    pa = s.delegated(0)
    return Clash(delegate(pa), undelegate(pa), (Peek(pa), delegate(pa)))


@race("guest")
def granule_undelegated_while_it_becomes_a_table(s: Setting) -> Clash:
    pa, ipa = s.delegated(0), HEAP + 512 * PAGE
    create, fold = s.about("RTT_CREATE", pa, ipa, 3), s.about("RTT_FOLD", ipa, 3)
    return Clash(undelegate(pa), create, (Peek(pa), delegate(pa), fold))


@race("guest")
def granule_undelegated_while_it_becomes_data(s: Setting) -> Clash:
    pa = s.delegated(0)
    create = s.about("DATA_CREATE_UNKNOWN", pa, HEAP + 8 * PAGE)
    after = (Peek(pa), s.about("DATA_DESTROY", HEAP + 8 * PAGE), delegate(pa))
    return Clash(undelegate(pa), create, after)


@race("guest")
def granule_becomes_table_and_data(s: Setting) -> Clash:
    pa, table, page = s.delegated(0), HEAP + 512 * PAGE, HEAP + 8 * PAGE
    after = (s.about("RTT_FOLD", table, 3), s.about("DATA_DESTROY", page))
    return Clash(
        s.about("RTT_CREATE", pa, table, 3), s.about("DATA_CREATE_UNKNOWN", pa, page), after
    )


@race("guest")
def granule_becomes_data_twice(s: Setting) -> Clash:
    pa, one, two = s.delegated(0), HEAP + 8 * PAGE, HEAP + 9 * PAGE
    after = (s.about("DATA_DESTROY", one), s.about("DATA_DESTROY", two))
    create = "DATA_CREATE_UNKNOWN"
    return Clash(s.about(create, pa, one), s.about(create, pa, two), after)


@race("guest")
def data_granule_undelegated_while_it_is_destroyed(s: Setting) -> Clash:
    pa = s.delegated(0)
    before = (s.about("DATA_CREATE_UNKNOWN", pa, HEAP + 8 * PAGE),)
    destroy = s.about("DATA_DESTROY", HEAP + 8 * PAGE)
    return Clash(destroy, undelegate(pa), (Peek(pa), delegate(pa)), before)


@race("delegated")
def root_table_undelegated_while_its_realm_is_created(s: Setting) -> Clash:
    rd, root = s.delegated(0), s.delegated(1)
    after = (Issue("RMI_REALM_DESTROY", (rd,)), delegate(root))
    return Clash(s.realm_create(rd, root, 1), undelegate(root), after)


@race("delegated")
def rd_of_one_realm_is_root_table_of_another(s: Setting) -> Clash:
    one, two = s.delegated(0), s.delegated(1)
    after = tuple(Issue("RMI_REALM_DESTROY", (rd,)) for rd in (one, two))
    return Clash(s.realm_create(one, two, 1), s.realm_create(two, one, 2, page=1), after)


# Realms


@race("delegated")
def realm_created_twice(s: Setting) -> Clash:
    rd = s.delegated(0)
    first = s.realm_create(rd, s.delegated(1), 1)
    second = s.realm_create(rd, s.delegated(2), 2, page=1)
    return Clash(first, second, (Issue("RMI_REALM_DESTROY", (rd,)),))


@race("delegated")
def realms_created_with_one_vmid(s: Setting) -> Clash:
    one, two = s.delegated(0), s.delegated(1)
    first = s.realm_create(one, s.delegated(2), 7)
    second = s.realm_create(two, s.delegated(3), 7, page=1)
    return Clash(first, second, tuple(Issue("RMI_REALM_DESTROY", (rd,)) for rd in (one, two)))


@race("delegated")
def realm_destroyed_twice(s: Setting) -> Clash:
    rd = s.delegated(0)
    destroy = Issue("RMI_REALM_DESTROY", (rd,))
    return Clash(destroy, destroy, before=(s.realm_create(rd, s.delegated(1), 1),))


@race("delegated")
def vmid_taken_while_it_is_given_back(s: Setting) -> Clash:
    old, new = s.delegated(0), s.delegated(1)
    destroy = Issue("RMI_REALM_DESTROY", (old,))
    create = s.realm_create(new, s.delegated(2), 7, page=1)
    before = (s.realm_create(old, s.delegated(3), 7),)
    return Clash(destroy, create, (Issue("RMI_REALM_DESTROY", (new,)),), before)


@race("delegated")
def realm_activated_twice(s: Setting) -> Clash:
    rd = s.delegated(0)
    activate, destroy = (Issue(f"RMI_REALM_{what}", (rd,)) for what in ("ACTIVATE", "DESTROY"))
    return Clash(activate, activate, (destroy,), (s.realm_create(rd, s.delegated(1), 1),))


@race("delegated")
def realm_activated_while_it_is_destroyed(s: Setting) -> Clash:
    rd = s.delegated(0)
    activate, destroy = (Issue(f"RMI_REALM_{what}", (rd,)) for what in ("ACTIVATE", "DESTROY"))
    return Clash(activate, destroy, before=(s.realm_create(rd, s.delegated(1), 1),))


@race("delegated")
def table_made_while_its_realm_is_destroyed(s: Setting) -> Clash:
    rd, table = s.delegated(0), s.delegated(2)
    destroy = Issue("RMI_REALM_DESTROY", (rd,))
    create = Issue("RMI_RTT_CREATE", (rd, table, 0, 2))
    after = (Issue("RMI_RTT_FOLD", (rd, 0, 2)), destroy)
    return Clash(destroy, create, after, (s.realm_create(rd, s.delegated(1), 1),))


@race("new")
def realm_activated_while_data_is_created(s: Setting) -> Clash:
    create = s.about("DATA_CREATE", s.delegated(0), HEAP, s.ground.sources[0], 1)
    return Clash(s.about("REALM_ACTIVATE"), create)


@race("new")
def realm_activated_while_memory_becomes_ram(s: Setting) -> Clash:
    return Clash(s.about("REALM_ACTIVATE"), s.about("RTT_INIT_RIPAS", HEAP, HEAP + 64 * PAGE))


# RECs


def granules_of_a_rec(s: Setting, more: int) -> tuple[Step, ...]:
    """Delegate its aux granules, and some more before them."""
    return tuple(delegate(s.fresh(n)) for n in range(more + s.state.platform.aux_granules))


@race("new")
def rec_made_twice(s: Setting) -> Clash:
    """Both have the next MPIDR, and the same aux granules."""
    first, second = s.rec_create(s.fresh(0), 2), s.rec_create(s.fresh(1), 2, page=1)
    return Clash(first, second, before=granules_of_a_rec(s, 2))


@race("new")
def rec_made_while_its_realm_is_activated(s: Setting) -> Clash:
    create = s.rec_create(s.fresh(0), 1)
    return Clash(create, s.about("REALM_ACTIVATE"), before=granules_of_a_rec(s, 1))


@race("new")
def aux_granule_undelegated_while_its_rec_is_made(s: Setting) -> Clash:
    create = s.rec_create(s.fresh(0), 1)
    return Clash(create, undelegate(s.fresh(1)), before=granules_of_a_rec(s, 1))


@race("recs")
def rec_destroyed_twice(s: Setting) -> Clash:
    destroy = Issue("RMI_REC_DESTROY", (s.recs[1].pa,))
    return Clash(destroy, destroy)


@race("recs")
def rec_destroyed_while_its_realm_is(s: Setting) -> Clash:
    return Clash(Issue("RMI_REC_DESTROY", (s.recs[1].pa,)), s.about("REALM_DESTROY"))


def asking(s: Setting, smc: Smc) -> tuple[Step, ...]:
    """REC 0 exits with a request."""
    return (s.enter(0, NOP), s.enter(0, smc))


def cpu_on(s: Setting, index: int) -> Smc:
    fid = tables().command("PSCI_CPU_ON").fid
    return Smc((fid, mpidr_of(index), s.ground.program.secondary_entry, 0))


@race("recs")
def psci_request_completed_twice(s: Setting) -> Clash:
    complete = Issue("RMI_PSCI_COMPLETE", (s.recs[0].pa, s.recs[1].pa, 0))
    return Clash(complete, complete, before=asking(s, cpu_on(s, 1)))


@race("recs")
def psci_request_completed_while_its_target_is_destroyed(s: Setting) -> Clash:
    complete = Issue("RMI_PSCI_COMPLETE", (s.recs[0].pa, s.recs[1].pa, 0))
    destroy = Issue("RMI_REC_DESTROY", (s.recs[1].pa,))
    return Clash(complete, destroy, before=asking(s, cpu_on(s, 1)))


def to_empty(top: int) -> Smc:
    fid = tables().command("RSI_IPA_STATE_SET").fid
    return Smc((fid, HEAP, top, 0, 1))


@race("guest")
def ripas_request_applied_twice(s: Setting) -> Clash:
    top = HEAP + 64 * PAGE
    apply = s.about("RTT_SET_RIPAS", s.recs[0].pa, HEAP, top)
    return Clash(apply, apply, before=asking(s, to_empty(top)))


@race("guest")
def ripas_request_applied_while_its_data_is_destroyed(s: Setting) -> Clash:
    top = HEAP + 64 * PAGE
    apply = s.about("RTT_SET_RIPAS", s.recs[0].pa, HEAP, top)
    return Clash(apply, s.about("DATA_DESTROY", HEAP + PAGE), before=asking(s, to_empty(top)))


# RTT entries


@race("guest")
def table_made_twice(s: Setting) -> Clash:
    ipa = HEAP + 512 * PAGE
    first, second = (s.about("RTT_CREATE", s.delegated(n), ipa, 3) for n in (0, 1))
    return Clash(first, second, (s.about("RTT_FOLD", ipa, 3),))


@race("guest")
def table_destroyed_twice(s: Setting) -> Clash:
    destroy = s.about("RTT_DESTROY", s.shared, 3)
    return Clash(destroy, destroy, (s.about("RTT_CREATE", s.table(s.shared), s.shared, 3),))


@race("guest")
def table_folded_twice(s: Setting) -> Clash:
    fold = s.about("RTT_FOLD", s.shared, 3)
    return Clash(fold, fold, (s.about("RTT_CREATE", s.table(s.shared), s.shared, 3),))


@race("guest")
def table_folded_while_it_is_destroyed(s: Setting) -> Clash:
    fold, destroy = (s.about(f"RTT_{what}", s.shared, 3) for what in ("FOLD", "DESTROY"))
    return Clash(fold, destroy, (s.about("RTT_CREATE", s.table(s.shared), s.shared, 3),))


@race("guest")
def table_folded_while_a_page_is_mapped(s: Setting) -> Clash:
    table, base = s.table(s.shared), s.shared
    after = (s.about("RTT_UNMAP_UNPROTECTED", base, 3), s.about("RTT_CREATE", table, base, 3))
    mapping = s.about("RTT_MAP_UNPROTECTED", base, 3, s.output())
    return Clash(s.about("RTT_FOLD", base, 3), mapping, after)


@race("guest")
def table_destroyed_while_a_page_is_mapped(s: Setting) -> Clash:
    table, base = s.table(s.shared), s.shared
    after = (s.about("RTT_UNMAP_UNPROTECTED", base, 3), s.about("RTT_CREATE", table, base, 3))
    mapping = s.about("RTT_MAP_UNPROTECTED", base, 3, s.output())
    return Clash(s.about("RTT_DESTROY", base, 3), mapping, after)


@race("guest")
def table_folded_while_data_is_created(s: Setting) -> Clash:
    ipa, table, data = HEAP + 512 * PAGE, s.delegated(0), s.delegated(1)
    create, fold = s.about("RTT_CREATE", table, ipa, 3), s.about("RTT_FOLD", ipa, 3)
    add = s.about("DATA_CREATE_UNKNOWN", data, ipa + PAGE)
    after = (s.about("DATA_DESTROY", ipa + PAGE), fold)
    return Clash(fold, add, after, (create,))


@race("guest")
def table_destroyed_while_data_is_created(s: Setting) -> Clash:
    ipa, table, data = HEAP + 512 * PAGE, s.delegated(0), s.delegated(1)
    create = s.about("RTT_CREATE", table, ipa, 3)
    add = s.about("DATA_CREATE_UNKNOWN", data, ipa + PAGE)
    return Clash(s.about("RTT_DESTROY", ipa, 3), add, before=(create,))


@race("guest")
def data_created_twice_at_an_ipa(s: Setting) -> Clash:
    ipa = HEAP + 8 * PAGE
    first, second = (s.about("DATA_CREATE_UNKNOWN", s.delegated(n), ipa) for n in (0, 1))
    return Clash(first, second, (s.about("DATA_DESTROY", ipa),))


@race("guest")
def data_destroyed_twice(s: Setting) -> Clash:
    ipa, data = HEAP + 8 * PAGE, s.delegated(0)
    destroy = s.about("DATA_DESTROY", ipa)
    return Clash(destroy, destroy, before=(s.about("DATA_CREATE_UNKNOWN", data, ipa),))


@race("guest")
def entry_read_while_data_is_created(s: Setting) -> Clash:
    ipa = HEAP + 8 * PAGE
    create = s.about("DATA_CREATE_UNKNOWN", s.delegated(0), ipa)
    return Clash(s.about("RTT_READ_ENTRY", ipa, 3), create, (s.about("DATA_DESTROY", ipa),))


@race("guest")
def page_mapped_twice(s: Setting) -> Clash:
    first, second = (s.about("RTT_MAP_UNPROTECTED", s.shared, 3, s.output(n)) for n in (0, 1))
    return Clash(first, second, (s.about("RTT_UNMAP_UNPROTECTED", s.shared, 3),))


@race("guest")
def page_mapped_while_it_is_unmapped(s: Setting) -> Clash:
    unmap = s.about("RTT_UNMAP_UNPROTECTED", s.shared, 3)
    return Clash(s.about("RTT_MAP_UNPROTECTED", s.shared, 3, s.output()), unmap, (unmap,))


# RECs that run


@race("guest")
def rec_entered_twice(s: Setting) -> Clash:
    return Clash(s.enter(0, NOP), s.enter(0, NOP, page=1), before=(s.enter(0, NOP),))


@race("guest")
def rec_entered_while_it_is_destroyed(s: Setting) -> Clash:
    return Clash(s.enter(0, NOP), Issue("RMI_REC_DESTROY", (s.recs[0].pa,)))


@race("guest")
def rec_entered_while_its_realm_is_destroyed(s: Setting) -> Clash:
    return Clash(s.enter(0, NOP), s.about("REALM_DESTROY"))


@race("guest")
def recs_entered_side_by_side(s: Setting) -> Clash:
    before = (s.enter(0, NOP), s.enter(1, NOP))
    return Clash(s.enter(0, READ), s.enter(1, READ, page=1), before=before)


@race("new")
def rec_entered_while_its_realm_is_activated(s: Setting) -> Clash:
    return Clash(s.enter(0, NOP), s.about("REALM_ACTIVATE"))


@race("guest")
def data_destroyed_while_it_is_read(s: Setting) -> Clash:
    return Clash(s.enter(0, READ), s.about("DATA_DESTROY", HEAP), before=(s.enter(0, NOP),))


@race("guest")
def data_created_while_it_is_read(s: Setting) -> Clash:
    create = s.about("DATA_CREATE_UNKNOWN", s.delegated(0), FREE)
    return Clash(s.enter(0, Access(FREE)), create, before=(s.enter(0, NOP),))


@race("guest")
def data_created_while_it_is_written(s: Setting) -> Clash:
    create = s.about("DATA_CREATE_UNKNOWN", s.delegated(0), FREE)
    write = Access(FREE, Kind.WRITE, 8, 0x8081_8283_8485_8687)
    return Clash(s.enter(0, write), create, before=(s.enter(0, NOP),))


@race("guest")
def page_unmapped_while_it_is_read(s: Setting) -> Clash:
    before = (s.about("RTT_MAP_UNPROTECTED", s.shared, 3, s.output()), s.enter(0, NOP))
    unmap = s.about("RTT_UNMAP_UNPROTECTED", s.shared, 3)
    return Clash(s.enter(0, Access(s.shared)), unmap, before=before)


@race("guest")
def table_folded_while_memory_of_it_is_read(s: Setting) -> Clash:
    read = s.enter(0, Access(s.shared))
    return Clash(read, s.about("RTT_FOLD", s.shared, 3), before=(s.enter(0, NOP),))


@race("guest")
def table_destroyed_while_memory_of_it_is_read(s: Setting) -> Clash:
    before = (s.about("RTT_MAP_UNPROTECTED", s.shared, 3, s.output()), s.enter(0, NOP))
    return Clash(s.enter(0, Access(s.shared)), s.about("RTT_DESTROY", s.shared, 3), before=before)


@race("recs")
def caller_entered_while_its_request_is_completed(s: Setting) -> Clash:
    complete = Issue("RMI_PSCI_COMPLETE", (s.recs[0].pa, s.recs[1].pa, 0))
    return Clash(s.enter(0, NOP), complete, before=asking(s, cpu_on(s, 1)))


@race("recs")
def target_entered_while_it_is_switched_on(s: Setting) -> Clash:
    complete = Issue("RMI_PSCI_COMPLETE", (s.recs[0].pa, s.recs[1].pa, 0))
    return Clash(s.enter(1, NOP), complete, before=asking(s, cpu_on(s, 1)))


@race("guest")
def rec_entered_while_its_request_is_applied(s: Setting) -> Clash:
    top = HEAP + 64 * PAGE
    apply = s.about("RTT_SET_RIPAS", s.recs[0].pa, HEAP, top)
    return Clash(s.enter(0, NOP), apply, before=asking(s, to_empty(top)))


@race("guest")
def realm_switched_off_while_a_rec_is_entered(s: Setting) -> Clash:
    off = Smc((tables().command("PSCI_SYSTEM_OFF").fid,))
    before = (s.enter(0, NOP), s.enter(1, NOP))
    return Clash(s.enter(0, off), s.enter(1, NOP, page=1), before=before)


def play(match: Match, clash: Clash, waits: tuple[int, int]) -> bool:
    """One round; whether it led back to where it began."""
    duel = match.duel
    start, bodies = duel.state, dict(duel.bodies)
    for made in clash.before:
        assert match.play(made), made
    collide(duel, (clash.first, replace(clash.second, pe=1)), waits)
    for made in clash.after:
        assert match.play(made), made
    return (duel.state, duel.bodies) == (start, bodies)


@pytest.mark.parametrize("name", RACES)
def test_an_order_of_the_calls_explains_what_is_seen(
    game: Game,
    second_pe: int,  # noqa: ARG001 - the game's second PE is this one
    busy_boot_pe: None,  # noqa: ARG001
    name: str,
) -> None:
    """Only what an order of the two calls allows is seen; nothing leaks, the RMM goes on."""
    scene, make = RACES[name]
    match, scenes = game.begin(scene), 1
    clash = make(Setting(match.duel.ground, match.duel.state))
    is_entry = clash.first.name == "RMI_REC_ENTER"
    for waits in WAITS_OF_ENTRIES if is_entry else WAITS:
        if match.over:
            match, scenes = game.begin(scene), scenes + 1
        if not play(match, clash, waits):
            match.end()
        if scenes == MOST_SCENES:
            break
    if not match.over:
        match.end()
