# SPDX-License-Identifier: BSD-3-Clause
"""RMI_RTT_DESTROY: tables that are not live, and how a host finds its way with `top`."""

from __future__ import annotations

import pytest

from harness.machine import Machine
from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, RttEntry, entry_bytes
from harness.realm.state import advance
from harness.rmi import Fails, Ripas, Rmi, RttState, Succeeds
from harness.types import GRANULE_BYTES

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

BLOCK = entry_bytes(2)
GIB = entry_bytes(1)


def unassigned(ripas: Ripas, level: int) -> RttEntry:
    """An entry without a page."""
    return RttEntry(level, RttState.UNASSIGNED, 0, ripas)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_destroy_returns_the_table(make_realm: MakeRealm, level: int) -> None:
    """RMI_RTT_DESTROY, success: rtt is the granule, DELEGATED again (RTTD-17)."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0, level - 1)
    table = realm.tables.create(0, level)
    top = entry_bytes(level - 1) * 512
    assert realm.rmi.rtt_destroy(realm.rd, 0, level) == Succeeds(rtt=table, top=top)
    assert realm.rmi.granule_undelegate(table) == Succeeds()


def test_a_table_is_destroyed_once(realm: Realm) -> None:
    """RMI_RTT_DESTROY, rtte_state: there is no table any more (RTTD-14)."""
    realm.tables.ensure(0)
    realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, 0, 3).require().rtt)
    assert realm.rmi.rtt_destroy(realm.rd, 0, 3) == Fails("rtte_state", index=2)


@pytest.mark.parametrize("activate", [False, True], ids=["NEW", "ACTIVE"])
@pytest.mark.parametrize("before", [Ripas.EMPTY, Ripas.RAM], ids=lambda ripas: ripas.name)
def test_a_protected_range_becomes_destroyed(
    realm: Realm, before: Ripas, *, activate: bool
) -> None:
    """RMI_RTT_DESTROY, success: UNASSIGNED/DESTROYED, whatever it was (RTT-09, RTT-10)."""
    realm.tables.ensure(0)
    if before == Ripas.RAM:
        realm.init_ripas(0, BLOCK)
    if activate:
        realm.activate()
    realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, 0, 3).require().rtt)
    assert realm.tables.entry(0) == unassigned(Ripas.DESTROYED, 2)
    assert realm.tables.entry(BLOCK) == unassigned(Ripas.EMPTY, 2)


def test_an_unprotected_range_becomes_unassigned(realm: Realm) -> None:
    """RMI_RTT_DESTROY, success: UNASSIGNED_NS, which has no RIPAS."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared)
    realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, shared, 3).require().rtt)
    assert realm.tables.entry(shared) == unassigned(Ripas.EMPTY, 2)


def test_destroyed_is_inherited_by_the_next_table(realm: Realm) -> None:
    """RMI_RTT_CREATE after RMI_RTT_DESTROY: 512 times UNASSIGNED/DESTROYED."""
    realm.tables.ensure(0)
    realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, 0, 3).require().rtt)
    realm.tables.create(0, 3)
    last = BLOCK - GRANULE_BYTES
    for ipa in (0, GRANULE_BYTES, last):
        assert realm.tables.entry(ipa) == unassigned(Ripas.DESTROYED, 3)


@pytest.mark.parametrize("ipa", [0, GRANULE_BYTES, BLOCK - GRANULE_BYTES])
@pytest.mark.parametrize("ripas", [Ripas.EMPTY, Ripas.RAM], ids=lambda ripas: ripas.name)
def test_a_table_with_data_is_live(realm: Realm, ipa: int, ripas: Ripas) -> None:
    """RMI_RTT_DESTROY, rtt_live: index is the table's level, top its IPA (RTTD-16)."""
    if ripas == Ripas.RAM:
        realm.map_data(ipa, b"")
    else:
        realm.map_unknown(ipa)
    live = Fails("rtt_live", index=3, outputs={"rtt": 0, "top": 0})
    assert realm.rmi.rtt_destroy(realm.rd, 0, 3) == live


@pytest.mark.parametrize("level", [1, 2])
def test_a_table_with_a_table_is_live(make_realm: MakeRealm, level: int) -> None:
    """RMI_RTT_DESTROY, rtt_live: the lower table is empty, the upper one is not (RTTD-16)."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0, level + 1)
    result = realm.rmi.rtt_destroy(realm.rd, 0, level)
    assert result == Fails("rtt_live", index=level)


def test_top_of_a_live_table_is_its_own_address(realm: Realm) -> None:
    """RMI_RTT_DESTROY, rtt_live: the host is to descend at ipa itself."""
    realm.map_unknown(3 * BLOCK + GRANULE_BYTES)
    live = Fails("rtt_live", index=3, outputs={"top": 3 * BLOCK})
    assert realm.rmi.rtt_destroy(realm.rd, 3 * BLOCK, 3) == live


def test_shared_pages_do_not_keep_a_table(realm: Realm) -> None:
    """RMI_RTT_DESTROY: ASSIGNED_NS entries are not live (TF-RMM keeps no reference)."""
    shared = realm.unprotected_base
    realm.share_page(shared)
    table = realm.tables.entry(shared, 2).desc
    assert realm.rmi.rtt_destroy(realm.rd, shared, 3) == Succeeds(rtt=table)
    assert realm.tables.entry(shared) == unassigned(Ripas.EMPTY, 2)
    realm.world.undelegate(table)


@pytest.mark.parametrize(
    ("ipa_width", "start", "level", "ends_at"),
    [(48, 0, 2, 0), (48, 0, 3, 0), (40, 1, 3, 1)],
)
def test_a_parent_table_must_be_there(
    make_realm: MakeRealm, ipa_width: int, start: int, level: int, ends_at: int
) -> None:
    """RMI_RTT_DESTROY, rtt_walk: the index is the level where the walk ended (RTTD-13)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    result = realm.rmi.rtt_destroy(realm.rd, 0, level)
    assert result == Fails("rtt_walk", index=ends_at)


def test_the_parent_entry_must_be_a_table(realm: Realm) -> None:
    """RMI_RTT_DESTROY, rtte_state: UNASSIGNED (RTTD-14)."""
    realm.tables.ensure(0, 2)
    assert realm.rmi.rtt_destroy(realm.rd, 0, 3) == Fails("rtte_state", index=2)


def test_a_block_is_not_a_table(realm: Realm) -> None:
    """RMI_RTT_DESTROY, rtte_state: a block of shared memory; top is its IPA (RTTD-15)."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, 0x8000_0000, 2)
    block = Fails("rtte_state", index=2, outputs={"rtt": 0, "top": shared})
    assert realm.rmi.rtt_destroy(realm.rd, shared, 3) == block


@pytest.mark.parametrize("next_block", [1, 2, 7, 511])
def test_top_is_the_next_live_entry(realm: Realm, next_block: int) -> None:
    """RMI_RTT_DESTROY, success: top skips what is not live in the parent table."""
    realm.tables.ensure(0)
    realm.tables.create(next_block * BLOCK, 3)
    result = realm.rmi.rtt_destroy(realm.rd, 0, 3)
    assert result == Succeeds(top=next_block * BLOCK)
    realm.world.undelegate(result.rtt)


@pytest.mark.parametrize("next_block", [1, 2, 511])
def test_top_of_a_failure_is_the_next_live_entry(realm: Realm, next_block: int) -> None:
    """RMI_RTT_DESTROY, rtte_state: the host goes on at top."""
    realm.tables.ensure(next_block * BLOCK)
    nothing = Fails("rtte_state", index=2, outputs={"rtt": 0, "top": next_block * BLOCK})
    assert realm.rmi.rtt_destroy(realm.rd, 0, 3) == nothing


def test_top_ends_with_the_table_where_the_walk_ended(realm: Realm) -> None:
    """RMI_RTT_DESTROY: with nothing live behind, top is the end of that table."""
    realm.tables.ensure(GIB, 2)
    nothing = Fails("rtte_state", index=2, outputs={"top": 2 * GIB})
    assert realm.rmi.rtt_destroy(realm.rd, GIB + 5 * BLOCK, 3) == nothing
    walk = Fails("rtt_walk", index=1, outputs={"top": 512 * GIB})
    assert realm.rmi.rtt_destroy(realm.rd, 2 * GIB, 3) == walk


def test_top_of_a_shorter_walk_is_the_next_live_entry(realm: Realm) -> None:
    """RMI_RTT_DESTROY, rtt_walk: top is an entry of the level that the index names."""
    realm.tables.create(6 * GIB, 2)
    walk = Fails("rtt_walk", index=1, outputs={"top": 6 * GIB})
    assert realm.rmi.rtt_destroy(realm.rd, 2 * GIB, 3) == walk


def test_top_counts_shared_blocks_as_live(realm: Realm) -> None:
    """RMI_RTT_DESTROY, success: ASSIGNED_NS holds a PA, so top stops there."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared)
    realm.tables.map_unprotected(shared + 4 * BLOCK, 0x8000_0000, 2)
    result = realm.rmi.rtt_destroy(realm.rd, shared, 3)
    assert result == Succeeds(top=shared + 4 * BLOCK)
    realm.world.undelegate(result.rtt)


def test_tables_come_down_from_the_leaves(make_realm: MakeRealm) -> None:
    """A walk down by the answers alone: index says how deep, level by level."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0)
    destroy = realm.rmi.rtt_destroy
    assert destroy(realm.rd, 0, 1) == Fails("rtt_live", index=1)
    assert destroy(realm.rd, 0, 2) == Fails("rtt_live", index=2)
    for level in (3, 2, 1):
        result = destroy(realm.rd, 0, level)
        assert result == Succeeds()
        realm.world.undelegate(result.rtt)
    assert realm.tables.entry(0) == unassigned(Ripas.DESTROYED, 0)
    assert realm.rmi.realm_destroy(realm.rd) == Succeeds()
    realm.give_back()


def test_tables_can_be_destroyed_when_the_realm_is_off(realm: Realm) -> None:
    """RMI_RTT_DESTROY has no condition on the realm's state."""
    realm.tables.ensure(0)
    advance(realm, "SYSTEM_OFF")
    result = realm.rmi.rtt_destroy(realm.rd, 0, 3)
    assert result == Succeeds()
    realm.world.undelegate(result.rtt)


@pytest.mark.requires("mailbox")
def test_destroy_wipes_the_table(rmi: Rmi, realm: Realm, machine: Machine) -> None:
    """RMI_RTT_DESTROY, success: no descriptor is left in the granule."""
    shared = realm.unprotected_base
    realm.share_page(shared)
    table = realm.tables.entry(shared, 2).desc
    assert not machine.ram.is_zero(table, GRANULE_BYTES)
    rmi.rtt_destroy(realm.rd, shared, 3).require()
    assert machine.ram.is_zero(table, GRANULE_BYTES)
    realm.world.undelegate(table)
