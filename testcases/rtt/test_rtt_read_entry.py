# SPDX-License-Identifier: BSD-3-Clause
"""RMI_RTT_READ_ENTRY: what the host sees of an entry in each of its states."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, RttEntry, entry_bytes, unprotected_desc
from harness.rmi import Ripas, RttState, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

PAGE = Ipa(0x20_0000)
NEIGHBOURS = [PAGE - GRANULE_BYTES, PAGE + GRANULE_BYTES]


def unassigned(ripas: Ripas, level: int = 3) -> RttEntry:
    """An entry without a page."""
    return RttEntry(level, RttState.UNASSIGNED, 0, ripas)


@pytest.fixture
def with_tables(realm: Realm) -> Realm:
    """A realm with level 3 tables around PAGE."""
    realm.tables.ensure(PAGE - GRANULE_BYTES)
    realm.tables.ensure(PAGE)
    return realm


def test_unassigned_empty(with_tables: Realm) -> None:
    """UNASSIGNED/EMPTY: as RMI_REALM_CREATE left it (RTTR-12)."""
    assert with_tables.tables.entry(PAGE) == unassigned(Ripas.EMPTY)


def test_reading_returns_the_entry_in_its_registers(with_tables: Realm) -> None:
    """walk_level, state, desc, ripas of an entry that nobody changed (RTTR-12)."""
    seen = with_tables.rmi.rtt_read_entry(with_tables.rd, PAGE, 3)
    assert seen == Succeeds()
    assert (seen.walk_level, seen.desc) == (3, 0)
    assert (seen.state, seen.ripas) == (RttState.UNASSIGNED, Ripas.EMPTY)


def test_unassigned_ram(with_tables: Realm) -> None:
    """UNASSIGNED/RAM: after RMI_RTT_INIT_RIPAS."""
    with_tables.init_ripas(PAGE, PAGE + GRANULE_BYTES)
    assert with_tables.tables.entry(PAGE) == unassigned(Ripas.RAM)


def test_unassigned_destroyed(with_tables: Realm) -> None:
    """UNASSIGNED/DESTROYED: after RMI_DATA_DESTROY of a page that was RAM."""
    with_tables.map_data(PAGE, b"")
    with_tables.unmap_data(PAGE)
    assert with_tables.tables.entry(PAGE) == unassigned(Ripas.DESTROYED)


def test_assigned_empty(with_tables: Realm) -> None:
    """ASSIGNED/EMPTY: desc is the page's PA."""
    data = with_tables.map_unknown(PAGE)
    assert with_tables.tables.entry(PAGE) == RttEntry(3, RttState.ASSIGNED, data, Ripas.EMPTY)


def test_assigned_ram(with_tables: Realm) -> None:
    """ASSIGNED/RAM: desc is the page's PA and nothing else, no attributes."""
    data = with_tables.map_data(PAGE, b"")
    assert with_tables.tables.entry(PAGE) == RttEntry(3, RttState.ASSIGNED, data, Ripas.RAM)


def test_assigned_destroyed(with_tables: Realm) -> None:
    """ASSIGNED/DESTROYED: TF-RMM of 1.0-rel0 shows no PA, later ones do; both are accepted."""
    with_tables.map_data(PAGE, b"")
    with_tables.unmap_data(PAGE)
    data = with_tables.map_unknown(PAGE)
    entry = with_tables.tables.entry(PAGE)
    assert (entry.level, entry.state, entry.ripas) == (3, RttState.ASSIGNED, Ripas.DESTROYED)
    assert entry.desc in (0, data)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_table(make_realm: MakeRealm, level: int) -> None:
    """TABLE: desc is the table's PA, RIPAS reads as EMPTY."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0, level)
    table = realm.tables.create(0, level + 1)
    assert realm.tables.entry(0, level) == RttEntry(level, RttState.TABLE, table, Ripas.EMPTY)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_unassigned_ns(realm: Realm, level: int) -> None:
    """UNASSIGNED_NS: RIPAS reads as EMPTY on every level."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared, level)
    assert realm.tables.entry(shared, level) == unassigned(Ripas.EMPTY, level)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("mem_attr", [0, 1, 2, 3, 5, 6, 7])
def test_assigned_ns_shows_what_the_host_gave(realm: Realm, mem_attr: int, level: int) -> None:
    """ASSIGNED_NS: desc is exactly the descriptor of RMI_RTT_MAP_UNPROTECTED."""
    shared = realm.unprotected_base
    desc = unprotected_desc(0x8000_0000, mem_attr=mem_attr)
    realm.tables.map_unprotected(shared, 0x8000_0000, level, mem_attr=mem_attr)
    wanted = RttEntry(level, RttState.ASSIGNED, desc, Ripas.EMPTY)
    assert realm.tables.entry(shared, level) == wanted


@pytest.mark.parametrize("s2ap", [0b00, 0b01, 0b10, 0b11], ids="{:02b}".format)
def test_assigned_ns_shows_the_permissions(realm: Realm, s2ap: int) -> None:
    """ASSIGNED_NS: S2AP is part of desc."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, 0x8000_0000, s2ap=s2ap)
    assert realm.tables.entry(shared).desc == unprotected_desc(0x8000_0000, s2ap=s2ap)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_walk_stops_at_a_block(realm: Realm, level: int) -> None:
    """The walk towards level 3 ends at the level of the block that covers the IPA."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, 0x8000_0000, level)
    assert realm.tables.entry(shared + entry_bytes(level) - GRANULE_BYTES).level == level


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_walk_stops_where_it_was_told_to(make_realm: MakeRealm, level: int) -> None:
    """With tables down to level 3, the walk towards a level ends there."""
    realm = make_realm(ipa_width=48, start_level=0)
    realm.tables.ensure(0)
    assert realm.tables.entry(0, level).level == level


def test_a_page_does_not_show_in_its_neighbours(with_tables: Realm) -> None:
    """RMI_RTT_READ_ENTRY beside an ASSIGNED page, in its own table and in the one before."""
    with_tables.map_data(PAGE, b"")
    for ipa in NEIGHBOURS:
        assert with_tables.tables.entry(ipa) == unassigned(Ripas.EMPTY)


def test_reading_changes_nothing(with_tables: Realm) -> None:
    """RMI_RTT_READ_ENTRY twice gives the same."""
    with_tables.map_unknown(PAGE)
    assert with_tables.tables.entry(PAGE) == with_tables.tables.entry(PAGE)
