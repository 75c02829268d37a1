# SPDX-License-Identifier: BSD-3-Clause
"""RMI_RTT_FOLD of tables without pages, and everything that is in the way of a fold."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, RttEntry, entry_bytes
from harness.rmi import Fails, Ripas, RttState, Succeeds
from harness.types import GRANULE_BYTES

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

BLOCK = entry_bytes(2)
RIPAS = pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)


def make_uniform(realm: Realm, ripas: Ripas, level: int) -> None:
    """An UNASSIGNED entry at ``level`` - 1 with this RIPAS, and a table below it."""
    realm.tables.ensure(0, level)
    if ripas == Ripas.RAM:
        realm.init_ripas(0, entry_bytes(level - 1))
    elif ripas == Ripas.DESTROYED:
        realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, 0, level).require().rtt)
        realm.tables.create(0, level)


def unassigned(ripas: Ripas, level: int) -> RttEntry:
    """An entry without a page."""
    return RttEntry(level, RttState.UNASSIGNED, 0, ripas)


@RIPAS
def test_a_table_of_unassigned_pages_folds(realm: Realm, ripas: Ripas) -> None:
    """RMI_RTT_FOLD, success: the parent gets the children's RIPAS (RTTF-19, RTT-01, RTT-02)."""
    make_uniform(realm, ripas, 3)
    table = realm.tables.entry(0, 2).desc
    assert realm.tables.entry(0) == unassigned(ripas, 3)
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Succeeds(rtt=table)
    assert realm.tables.entry(0) == unassigned(ripas, 2)
    assert realm.rmi.granule_undelegate(table) == Succeeds()


@pytest.mark.parametrize("level", [1, 2])
@RIPAS
def test_tables_of_tables_fold_as_well(make_realm: MakeRealm, ripas: Ripas, level: int) -> None:
    """RMI_RTT_FOLD, success: UNASSIGNED entries fold at every level, also into level 0 (RTT-01)."""
    realm = make_realm(ipa_width=48, start_level=0)
    make_uniform(realm, ripas, level)
    assert realm.tables.fold(0, level) == Succeeds()
    assert realm.tables.entry(0) == unassigned(ripas, level - 1)


def test_tables_fold_one_after_the_other_up_to_the_root(make_realm: MakeRealm) -> None:
    """RMI_RTT_FOLD, success: from level 3 to level 0, as if no table had ever been (RTT-01)."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0)
    for level in (3, 2, 1):
        assert realm.tables.fold(0, level) == Succeeds()
        assert realm.tables.entry(0) == unassigned(Ripas.EMPTY, level - 1)
    assert realm.rmi.realm_destroy(realm.rd) == Succeeds()
    realm.give_back()


@RIPAS
def test_fold_undoes_create(realm: Realm, ripas: Ripas) -> None:
    """RMI_RTT_CREATE, RMI_RTT_FOLD, again and again: nothing is lost."""
    make_uniform(realm, ripas, 3)
    for _ in range(3):
        assert realm.tables.fold(0, 3) == Succeeds()
        realm.tables.create(0, 3)
    assert realm.tables.entry(BLOCK - GRANULE_BYTES) == unassigned(ripas, 3)


@pytest.mark.parametrize("level", [2, 3])
def test_a_table_of_the_unprotected_half_folds(realm: Realm, level: int) -> None:
    """RMI_RTT_FOLD, success: UNASSIGNED_NS (RTT-06)."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared, level)
    assert realm.tables.fold(shared, level) == Succeeds()
    assert realm.tables.entry(shared) == unassigned(Ripas.EMPTY, level - 1)


@pytest.mark.parametrize("page", [0, 1, 255, 511])
def test_children_must_have_one_ripas(realm: Realm, page: int) -> None:
    """RMI_RTT_FOLD, rtt_homo: one page is RAM (RTTF-16, RTT-07)."""
    realm.tables.ensure(0)
    realm.init_ripas(page * GRANULE_BYTES, (page + 1) * GRANULE_BYTES)
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3)
    assert realm.tables.entry(page * GRANULE_BYTES) == unassigned(Ripas.RAM, 3)


@pytest.mark.parametrize("page", [0, 1, 511])
def test_children_must_have_one_hipas(realm: Realm, page: int) -> None:
    """RMI_RTT_FOLD, rtt_homo: one page is ASSIGNED, with the RIPAS of the others (RTTF-16)."""
    data = realm.map_unknown(page * GRANULE_BYTES)
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3)
    assert realm.tables.entry(page * GRANULE_BYTES).desc == data


def test_a_destroyed_page_is_unlike_an_empty_one(realm: Realm) -> None:
    """RMI_RTT_FOLD, rtt_homo: one page is DESTROYED."""
    realm.map_data(GRANULE_BYTES, b"")
    realm.unmap_data(GRANULE_BYTES)
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3)


@pytest.mark.parametrize("block", [0, 1, 511])
@pytest.mark.parametrize("half", ["protected", "unprotected"])
def test_a_table_below_is_in_the_way(realm: Realm, half: str, block: int) -> None:
    """RMI_RTT_FOLD, rtt_homo: a child is a TABLE, although that one is all alike."""
    base = realm.unprotected_base if half == "unprotected" else 0
    realm.tables.ensure(base + block * BLOCK)
    assert realm.rmi.rtt_fold(realm.rd, base, 2) == Fails("rtt_homo", index=2)


@pytest.mark.parametrize(
    ("ipa_width", "start", "level", "ends_at"),
    [(48, 0, 2, 0), (48, 0, 3, 0), (40, 1, 3, 1)],
)
def test_a_parent_table_must_be_there(
    make_realm: MakeRealm, ipa_width: int, start: int, level: int, ends_at: int
) -> None:
    """RMI_RTT_FOLD, rtt_walk: the index is the level where the walk ended (RTTF-13)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    assert realm.rmi.rtt_fold(realm.rd, 0, level) == Fails("rtt_walk", index=ends_at)


def test_the_parent_entry_must_be_a_table(realm: Realm) -> None:
    """RMI_RTT_FOLD, rtte_state: UNASSIGNED (RTTF-14)."""
    realm.tables.ensure(0, 2)
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtte_state", index=2)


def test_a_block_is_not_a_table(realm: Realm) -> None:
    """RMI_RTT_FOLD, rtte_state: a block of shared memory (RTTF-15)."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, 0x8000_0000, 2)
    assert realm.rmi.rtt_fold(realm.rd, shared, 3) == Fails("rtte_state", index=2)


def test_the_parent_is_looked_at_before_the_children(realm: Realm) -> None:
    """RMI_RTT_FOLD, order: a bad level or an early end of the walk before anything else."""
    realm.tables.ensure(0)
    realm.init_ripas(0, GRANULE_BYTES)
    assert realm.rmi.rtt_fold(realm.rd, 0, 4) == Fails("level_bound")
    assert realm.rmi.rtt_fold(realm.rd, 0, 1) == Fails("level_bound")
    assert realm.rmi.rtt_fold(realm.rd, entry_bytes(1), 3) == Fails("rtt_walk", index=1)
    assert realm.rmi.rtt_fold(realm.rd, BLOCK, 3) == Fails("rtte_state", index=2)


def test_a_refused_fold_changes_nothing(realm: Realm) -> None:
    """RMI_RTT_FOLD on failure: table and entries are as before (RTT-07)."""
    realm.map_data(GRANULE_BYTES, b"kept")
    pages = [realm.tables.entry(n * GRANULE_BYTES) for n in range(512)]
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3, outputs={"rtt": 0})
    assert [realm.tables.entry(n * GRANULE_BYTES) for n in range(512)] == pages


@pytest.mark.parametrize("activate", [False, True], ids=["NEW", "ACTIVE"])
def test_fold_works_in_any_realm_state(realm: Realm, *, activate: bool) -> None:
    """RMI_RTT_FOLD has no condition on the realm's state."""
    realm.tables.ensure(0)
    if activate:
        realm.activate()
    assert realm.tables.fold(0, 3) == Succeeds()
