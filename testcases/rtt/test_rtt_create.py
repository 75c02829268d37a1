# SPDX-License-Identifier: BSD-3-Clause
"""RMI_RTT_CREATE: tables level by level, and what is in the way of one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.realm import NormalWorld, Realm, RttEntry, entry_bytes
from harness.rmi import Fails, Ripas, Rmi, RttState, Succeeds
from harness.types import GRANULE_BYTES, MASK64, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

START_LEVELS = [(48, 0), (40, 1), (32, 2)]


@pytest.fixture
def granule(ns: NormalWorld) -> Iterator[Pa]:
    """A delegated granule that the test does not use up."""
    granule = ns.delegated()
    yield granule
    ns.undelegate(granule)


@pytest.mark.parametrize(("ipa_width", "start"), START_LEVELS)
@pytest.mark.parametrize("half", ["protected", "unprotected"])
def test_tables_are_created_level_by_level(
    make_realm: MakeRealm, half: str, ipa_width: int, start: int
) -> None:
    """RMI_RTT_CREATE, success: each level makes the next one reachable (RTTC-24)."""
    tables = make_realm(ipa_width=ipa_width, start_level=start).tables
    ipa = tables.unprotected_base if half == "unprotected" else 0
    for level in range(start + 1, 4):
        assert tables.entry(ipa).level == level - 1
        table = tables.create(ipa, level)
        assert tables.entry(ipa, level - 1) == RttEntry(
            level - 1, RttState.TABLE, table, Ripas.EMPTY
        )
        assert tables.entry(ipa) == RttEntry(level, RttState.UNASSIGNED, 0, Ripas.EMPTY)


@pytest.mark.parametrize("where", ["last protected", "first unprotected", "last unprotected"])
def test_tables_reach_the_ends_of_both_halves(realm: Realm, where: str) -> None:
    """RMI_RTT_CREATE, success: at the borders of the IPA space."""
    border, page = realm.unprotected_base, GRANULE_BYTES
    ipa = {
        "last protected": border - page,
        "first unprotected": border,
        "last unprotected": 2 * border - page,
    }[where]
    realm.tables.ensure(ipa)
    assert realm.tables.entry(ipa).level == 3


def test_neighbours_of_a_new_table_stay_as_they_are(realm: Realm) -> None:
    """Walks to the entries beside a table still end one level above (RTT-08)."""
    block = entry_bytes(2)
    realm.tables.ensure(5 * block)
    assert realm.tables.entry(5 * block).level == 3
    assert realm.tables.entry(6 * block - GRANULE_BYTES).level == 3
    assert realm.tables.entry(4 * block).level == 2
    assert realm.tables.entry(6 * block).level == 2
    assert realm.tables.entry(entry_bytes(1)).level == 1


def test_every_entry_of_a_new_table_repeats_the_leaf(realm: Realm) -> None:
    """RMI_RTT_CREATE over UNASSIGNED/RAM: 512 times UNASSIGNED/RAM, no more."""
    block = entry_bytes(2)
    realm.tables.ensure(0, 2)
    realm.init_ripas(block, 2 * block)
    realm.tables.create(block, 3)
    ram = RttEntry(3, RttState.UNASSIGNED, 0, Ripas.RAM)
    assert all(realm.tables.entry(block + n * GRANULE_BYTES) == ram for n in range(512))
    assert realm.tables.entry(0).ripas == Ripas.EMPTY
    assert realm.tables.entry(2 * block).ripas == Ripas.EMPTY


def test_create_over_a_shared_block_keeps_the_mapping(realm: Realm) -> None:
    """RMI_RTT_CREATE over ASSIGNED_NS: 512 contiguous pages with the block's attributes."""
    shared, block = realm.unprotected_base, entry_bytes(2)
    realm.tables.map_unprotected(shared, 0x8020_0000, 2, mem_attr=0b101)
    desc = realm.tables.entry(shared, 2).desc
    realm.tables.create(shared, 3)
    for offset in range(0, block, GRANULE_BYTES):
        page = RttEntry(3, RttState.ASSIGNED, desc + offset, Ripas.EMPTY)
        assert realm.tables.entry(shared + offset) == page


@pytest.mark.parametrize(
    ("ipa_width", "start", "level", "ends_at"),
    [(48, 0, 2, 0), (48, 0, 3, 0), (40, 1, 3, 1)],
)
def test_a_parent_table_must_be_there(
    make_realm: MakeRealm, granule: Pa, ipa_width: int, start: int, level: int, ends_at: int
) -> None:
    """RMI_RTT_CREATE, rtt_walk: the index is the level where the walk ended (RTTC-22)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    result = realm.rmi.rtt_create(realm.rd, granule, 0, level)
    assert result == Fails("rtt_walk", index=ends_at)


def test_the_walk_ends_at_the_deepest_table(make_realm: MakeRealm, granule: Pa) -> None:
    """RMI_RTT_CREATE, rtt_walk: with a level 1 table the index is 1, beside it 0."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.create(0, 1)
    create = realm.rmi.rtt_create
    assert create(realm.rd, granule, 0, 3) == Fails("rtt_walk", index=1)
    assert create(realm.rd, granule, entry_bytes(0), 3) == Fails("rtt_walk", index=0)


def test_the_walk_ends_at_a_block(realm: Realm, granule: Pa) -> None:
    """RMI_RTT_CREATE, rtt_walk: a 1 GiB block of shared memory has no table below."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, 0x8000_0000, 1)
    assert realm.rmi.rtt_create(realm.rd, granule, shared, 3) == Fails("rtt_walk", index=1)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_table_that_is_there_is_not_replaced(
    make_realm: MakeRealm, granule: Pa, level: int
) -> None:
    """RMI_RTT_CREATE, rtte_state: the index is the parent's level (RTTC-23)."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0, level)
    result = realm.rmi.rtt_create(realm.rd, granule, 0, level)
    assert result == Fails("rtte_state", index=level - 1)


@pytest.mark.parametrize(("ipa_width", "start"), START_LEVELS)
def test_root_tables_cannot_be_created(
    make_realm: MakeRealm, granule: Pa, ipa_width: int, start: int
) -> None:
    """RMI_RTT_CREATE, level_bound: the start level and all above it (RTTC-09)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    for level in range(start + 1):
        assert realm.rmi.rtt_create(realm.rd, granule, 0, level) == Fails("level_bound")


@pytest.mark.parametrize("level", [-1, 4, 5, 1 << 32 | 2, 1 << 63])
def test_level_must_exist(realm: Realm, granule: Pa, level: int) -> None:
    """RMI_RTT_CREATE, level_bound: before the walk, which would end early (RTTC-10)."""
    result = realm.rmi.rtt_create(realm.rd, granule, 0, level & MASK64)
    assert result == Fails("level_bound")


@pytest.mark.parametrize("offset_bytes", [1, GRANULE_BYTES, 1 << 20])
@pytest.mark.parametrize("level", [2, 3])
def test_ipa_must_be_aligned_to_the_entry_above(
    realm: Realm, granule: Pa, level: int, offset_bytes: int
) -> None:
    """RMI_RTT_CREATE, ipa_align (RTTC-11)."""
    ipa = entry_bytes(level - 1) + offset_bytes
    assert realm.rmi.rtt_create(realm.rd, granule, ipa, level) == Fails("ipa_align")


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("excess", [0, 1 << 30, 1 << 45])
def test_ipa_must_lie_in_the_ipa_space(realm: Realm, granule: Pa, level: int, excess: int) -> None:
    """RMI_RTT_CREATE, ipa_bound: before the walk (RTTC-12)."""
    ipa = (1 << realm.config.ipa_width) + excess
    assert realm.rmi.rtt_create(realm.rd, granule, ipa, level) == Fails("ipa_bound")


def test_create_consumes_the_granule(rmi: Rmi, realm: Realm) -> None:
    """RMI_RTT_CREATE, success: the granule is an RTT and nothing else."""
    table = realm.tables.create(0, 2)
    assert rmi.granule_undelegate(table) == Fails("gran_state")
    assert rmi.rtt_create(realm.rd, table, entry_bytes(1), 2) == Fails("rtt_state")


def test_a_refused_create_leaves_the_granule(rmi: Rmi, realm: Realm, granule: Pa) -> None:
    """RMI_RTT_CREATE: after a failure the same granule still does."""
    assert rmi.rtt_create(realm.rd, granule, 0, 3) == Fails("rtt_walk", index=1)
    assert rmi.rtt_create(realm.rd, granule, 0, 2) == Succeeds()
    assert rmi.rtt_destroy(realm.rd, 0, 2) == Succeeds(rtt=granule)


@pytest.mark.parametrize("state", ["NEW", "ACTIVE"])
def test_tables_can_be_made_in_any_realm_state(realm: Realm, state: str) -> None:
    """RMI_RTT_CREATE has no condition on the realm's state."""
    if state == "ACTIVE":
        realm.activate()
    realm.tables.ensure(0)
    assert realm.tables.entry(0).level == 3
