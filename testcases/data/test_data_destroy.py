# SPDX-License-Identifier: BSD-3-Clause
"""RMI_DATA_DESTROY: the page, what becomes of its entry, and where to go on."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, RttEntry, Zoo, entry_bytes
from harness.realm.state import REALM_STATES, advance
from harness.realm.zoo import kinds_but, refusal
from harness.rmi import Fails, Ripas, Rmi, RttState, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

BLOCK = entry_bytes(2)
GIB = entry_bytes(1)


def unassigned(ripas: Ripas) -> RttEntry:
    """A level 3 entry without a page."""
    return RttEntry(3, RttState.UNASSIGNED, 0, ripas)


def test_destroy_returns_the_granule(realm: Realm) -> None:
    """RMI_DATA_DESTROY, success: data is the granule, DELEGATED again (DATD-17)."""
    data = realm.map_data(0, b"")
    assert realm.rmi.data_destroy(realm.rd, 0) == Succeeds(data=data)
    assert realm.rmi.granule_undelegate(data) == Succeeds()


def test_ram_becomes_destroyed(realm: Realm) -> None:
    """RMI_DATA_DESTROY, success: ASSIGNED/RAM to UNASSIGNED/DESTROYED (DATD-17)."""
    realm.map_data(0, b"")
    realm.unmap_data(Ipa(0))
    assert realm.tables.entry(0) == unassigned(Ripas.DESTROYED)


def test_empty_stays_empty(realm: Realm) -> None:
    """RMI_DATA_DESTROY, success: ASSIGNED/EMPTY to UNASSIGNED/EMPTY."""
    realm.map_unknown(0)
    realm.unmap_data(Ipa(0))
    assert realm.tables.entry(0) == unassigned(Ripas.EMPTY)


def test_destroyed_stays_destroyed(realm: Realm) -> None:
    """RMI_DATA_DESTROY, success: ASSIGNED/DESTROYED to UNASSIGNED/DESTROYED (DAT-01)."""
    realm.map_data(0, b"")
    realm.unmap_data(Ipa(0))
    realm.map_unknown(0)
    realm.unmap_data(Ipa(0))
    assert realm.tables.entry(0) == unassigned(Ripas.DESTROYED)


def test_unknown_data_in_ram_becomes_destroyed(realm: Realm) -> None:
    """RMI_DATA_DESTROY, success: what RMI_DATA_CREATE_UNKNOWN put into RAM is RAM, too."""
    realm.tables.ensure(0)
    realm.init_ripas(0, GRANULE_BYTES)
    realm.map_unknown(0)
    realm.unmap_data(Ipa(0))
    assert realm.tables.entry(0) == unassigned(Ripas.DESTROYED)


@pytest.mark.parametrize("kind", kinds_but("rd"))
def test_rd_must_be_an_rd(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_DATA_DESTROY, rd_align, rd_bound, rd_state; top is 0 (DATD-01..08)."""
    result = rmi.data_destroy(zoo.instead_of("rd", kind), 0)
    assert result == Fails(refusal("rd", kind), outputs={"data": 0, "top": 0})


@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800, 0xFFF])
def test_ipa_must_be_aligned(zoo: Zoo, offset_bytes: int) -> None:
    """RMI_DATA_DESTROY, ipa_align (DATD-09)."""
    result = zoo.realm.rmi.data_destroy(zoo["rd"], offset_bytes)
    assert result == Fails("ipa_align", outputs={"data": 0, "top": 0})


@pytest.mark.parametrize("mapped", [False, True], ids=["no-table", "shared-page"])
def test_ipa_must_be_protected(realm: Realm, *, mapped: bool) -> None:
    """RMI_DATA_DESTROY, ipa_bound: whatever is there (DATD-10, DATD-14, DATD-15)."""
    shared = realm.unprotected_base
    if mapped:
        realm.share_page(shared)
    for ipa in (shared, 2 * shared - GRANULE_BYTES, 2 * shared, (1 << 64) - GRANULE_BYTES):
        assert realm.rmi.data_destroy(realm.rd, ipa) == Fails("ipa_bound", outputs={"top": 0})


@pytest.mark.parametrize(
    ("ipa_width", "start", "tables_to", "ends_at"),
    [(48, 0, 0, 0), (48, 0, 1, 1), (48, 0, 2, 2), (40, 1, 1, 1), (40, 1, 2, 2), (32, 2, 2, 2)],
)
def test_a_level_3_table_must_be_there(
    make_realm: MakeRealm, ipa_width: int, start: int, tables_to: int, ends_at: int
) -> None:
    """RMI_DATA_DESTROY, rtt_walk: index, and as top the end of the table (DATD-12)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    realm.tables.ensure(0, tables_to)
    end = {"top": 512 * entry_bytes(ends_at), "data": 0}
    walk = Fails("rtt_walk", index=ends_at, outputs=end)
    assert realm.rmi.data_destroy(realm.rd, 0) == walk


@pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)
def test_there_must_be_a_page(realm: Realm, ripas: Ripas) -> None:
    """RMI_DATA_DESTROY, rtte_state: UNASSIGNED with any RIPAS (DATD-13)."""
    realm.tables.ensure(0)
    if ripas == Ripas.RAM:
        realm.init_ripas(0, GRANULE_BYTES)
    elif ripas == Ripas.DESTROYED:
        realm.map_data(0, b"")
        realm.unmap_data(Ipa(0))
    nothing = Fails("rtte_state", outputs={"data": 0, "top": BLOCK})
    assert realm.rmi.data_destroy(realm.rd, 0) == nothing
    assert realm.tables.entry(0) == unassigned(ripas)


def test_a_page_is_destroyed_once(realm: Realm) -> None:
    """RMI_DATA_DESTROY, rtte_state: twice at the same place."""
    realm.map_unknown(0)
    realm.unmap_data(Ipa(0))
    assert realm.rmi.data_destroy(realm.rd, 0) == Fails("rtte_state")


@pytest.mark.parametrize("next_page", [1, 2, 100, 511])
def test_top_is_the_next_page(realm: Realm, next_page: int) -> None:
    """RMI_DATA_DESTROY, success: top skips what has no page."""
    data = realm.map_unknown(0)
    realm.map_unknown(next_page * GRANULE_BYTES)
    result = realm.rmi.data_destroy(realm.rd, 0)
    assert result == Succeeds(data=data, top=next_page * GRANULE_BYTES)
    realm.world.undelegate(data)


@pytest.mark.parametrize("next_page", [1, 2, 511])
def test_top_of_a_failure_is_the_next_page(realm: Realm, next_page: int) -> None:
    """RMI_DATA_DESTROY, rtte_state: the host goes on at top."""
    realm.map_unknown(next_page * GRANULE_BYTES)
    nothing = Fails("rtte_state", outputs={"top": next_page * GRANULE_BYTES})
    assert realm.rmi.data_destroy(realm.rd, 0) == nothing


@pytest.mark.parametrize("page", [0, 1, 511])
def test_top_ends_with_the_table(realm: Realm, page: int) -> None:
    """RMI_DATA_DESTROY, success: with no page behind, top is the end of the table."""
    realm.map_unknown(2 * BLOCK)
    data = realm.map_unknown(BLOCK + page * GRANULE_BYTES)
    result = realm.rmi.data_destroy(realm.rd, BLOCK + page * GRANULE_BYTES)
    assert result == Succeeds(data=data, top=2 * BLOCK)
    realm.world.undelegate(data)


def test_top_does_not_look_back(realm: Realm) -> None:
    """RMI_DATA_DESTROY: pages before ipa do not count."""
    realm.map_unknown(0)
    data = realm.map_unknown(GRANULE_BYTES)
    result = realm.rmi.data_destroy(realm.rd, GRANULE_BYTES)
    assert result == Succeeds(top=BLOCK)
    realm.world.undelegate(data)


def test_top_of_a_shorter_walk_is_the_next_live_entry(realm: Realm) -> None:
    """RMI_DATA_DESTROY, rtt_walk: top is the next table on the level of the index."""
    realm.tables.ensure(7 * BLOCK)
    realm.tables.ensure(3 * GIB, 2)
    destroy = realm.rmi.data_destroy
    level_2 = Fails("rtt_walk", index=2, outputs={"top": 7 * BLOCK})
    assert destroy(realm.rd, BLOCK + GRANULE_BYTES) == level_2
    level_1 = Fails("rtt_walk", index=1, outputs={"top": 3 * GIB})
    assert destroy(realm.rd, GIB + GRANULE_BYTES) == level_1


def test_a_host_finds_all_pages_by_top(realm: Realm) -> None:
    """RMI_DATA_DESTROY in a loop over one table: each page once, in order."""
    pages = [0, 1, 5, 6, 63, 64, 510, 511]
    granules = [realm.map_unknown(page * GRANULE_BYTES) for page in pages]
    found = []
    ipa = 0
    while ipa < BLOCK:
        result = realm.rmi.data_destroy(realm.rd, ipa).require()
        found.append(result.data)
        realm.world.undelegate(result.data)
        ipa = result.top
    assert found == granules


@pytest.mark.parametrize("state", REALM_STATES)
def test_destroy_works_in_any_realm_state(realm: Realm, state: str) -> None:
    """RMI_DATA_DESTROY has no condition on the realm's state."""
    realm.map_data(0, b"")
    advance(realm, state)
    realm.unmap_data(Ipa(0))
    assert realm.tables.entry(0) == unassigned(Ripas.DESTROYED)


def test_the_granule_serves_again(realm: Realm) -> None:
    """A destroyed granule becomes data elsewhere without leaving the realm world."""
    data = realm.map_unknown(0)
    realm.rmi.data_destroy(realm.rd, 0).require()
    assert realm.rmi.data_create_unknown(realm.rd, data, GRANULE_BYTES) == Succeeds()
    assert realm.tables.entry(GRANULE_BYTES).desc == data


def test_neighbours_of_a_destroyed_page_stay(realm: Realm) -> None:
    """RMI_DATA_DESTROY: the pages before and behind keep granule and RIPAS."""
    pages = [Ipa(n * GRANULE_BYTES) for n in range(3)]
    for page in pages:
        realm.map_data(page, b"")
    before = realm.tables.entry(pages[0]), realm.tables.entry(pages[2])
    realm.unmap_data(pages[1])
    assert (realm.tables.entry(pages[0]), realm.tables.entry(pages[2])) == before
