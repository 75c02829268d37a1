# SPDX-License-Identifier: BSD-3-Clause
"""Blocks: contiguous pages folded into one entry, and unfolded again."""

from __future__ import annotations

import pytest

from harness.link import Program, Step
from harness.machine import Machine
from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, RttEntry, entry_bytes, unprotected_desc
from harness.realm.pool import granules
from harness.rmi import Fails, Ripas, RttState, Succeeds
from harness.types import GRANULE_BYTES, Ipa, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

BLOCK = entry_bytes(2)
GIB = entry_bytes(1)
PAGES = 512
LAST_PAGE = BLOCK - GRANULE_BYTES
MEMORY = Pa(0x8000_0000)
"""1 GiB of the normal world's DRAM; mapping it does not touch it."""


def prepare_ripas(realm: Realm, ripas: Ripas) -> None:
    """Give the first 2 MiB, mapped by pages, one RIPAS."""
    realm.tables.ensure(0)
    if ripas == Ripas.RAM:
        realm.init_ripas(0, BLOCK)
    elif ripas == Ripas.DESTROYED:
        realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, 0, 3).require().rtt)
        realm.tables.create(0, 3)


@pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)
def test_realm_memory_folds_into_a_block_and_back(realm: Realm, ripas: Ripas) -> None:
    """RMI_RTT_FOLD, RMI_RTT_CREATE on ASSIGNED: 2 MiB, RIPAS kept (RTT-03, RTT-04)."""
    prepare_ripas(realm, ripas)
    base = realm.map_block(0)
    shown = 0 if ripas == Ripas.DESTROYED else 1
    block = realm.tables.entry(LAST_PAGE)
    assert block == RttEntry(2, RttState.ASSIGNED, base * shown, ripas)
    realm.tables.create(0, 3)
    for ipa in (0, GRANULE_BYTES, LAST_PAGE):
        page = RttEntry(3, RttState.ASSIGNED, (base + ipa) * shown, ripas)
        assert realm.tables.entry(ipa) == page


@pytest.mark.requires("mailbox")
def test_contents_survive_fold_and_unfold(realm: Realm, machine: Machine) -> None:
    """RMI_RTT_FOLD, RMI_RTT_CREATE: the pages themselves are not touched."""
    prepare_ripas(realm, Ripas.RAM)
    base = realm.map_block(0)
    machine.ram.write(Pa(base + LAST_PAGE), b"kept")
    realm.tables.create(0, 3)
    realm.tables.fold(0, 3).require()
    assert machine.ram.read(Pa(base + LAST_PAGE), 4) == b"kept"


def test_a_block_must_be_unfolded_to_be_destroyed(realm: Realm) -> None:
    """RMI_DATA_DESTROY, rtt_walk on a 2 MiB block: index 2, top the block itself."""
    realm.map_block(0)
    block = Fails("rtt_walk", index=2, outputs={"data": 0, "top": GRANULE_BYTES})
    assert realm.rmi.data_destroy(realm.rd, GRANULE_BYTES) == block
    realm.tables.create(0, 3)
    realm.unmap_data(Ipa(GRANULE_BYTES))
    assert realm.tables.entry(GRANULE_BYTES).state == RttState.UNASSIGNED


def test_a_block_in_a_root_table_keeps_the_realm(make_realm: MakeRealm) -> None:
    """RMI_REALM_DESTROY, realm_live: ASSIGNED in a root table that starts at level 2."""
    realm = make_realm(ipa_width=32, start_level=2)
    realm.map_block(0)
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")


def map_pages(realm: Realm, pages: list[Pa]) -> None:
    """Map delegated granules at IPA 0 onwards, without folding them."""
    realm.tables.ensure(0)
    rows = [(int(realm.rd), page, number * GRANULE_BYTES) for number, page in enumerate(pages)]
    for result in realm.rmi.each("RMI_DATA_CREATE_UNKNOWN", rows):
        result.require()


@pytest.mark.parametrize("case", ["swapped", "misaligned", "hole"])
def test_pages_must_be_contiguous_and_aligned(realm: Realm, case: str) -> None:
    """RMI_RTT_FOLD, rtt_homo on ASSIGNED pages: their PAs do not make a block (RTTF-16)."""
    first = realm.world.delegated(PAGES + 1, align_bytes=BLOCK)
    pages = list(granules(first, PAGES + 1))
    spare = pages.pop(0 if case == "misaligned" else -1)
    if case == "swapped":
        pages[0], pages[1] = pages[1], pages[0]
    elif case == "hole":
        pages[-1], spare = spare, pages[-1]
    map_pages(realm, pages)
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3)
    realm.world.undelegate(spare)


@pytest.mark.parametrize("page", [0, 511])
def test_a_missing_page_is_in_the_way(realm: Realm, page: int) -> None:
    """RMI_RTT_FOLD, rtt_homo: one of 512 pages is not there."""
    realm.map_block(0)
    realm.tables.create(0, 3)
    realm.unmap_data(Ipa(page * GRANULE_BYTES))
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3)


def test_one_page_with_another_ripas_is_in_the_way(realm: Realm) -> None:
    """RMI_RTT_FOLD, rtt_homo: 511 pages ASSIGNED/EMPTY, the last one ASSIGNED/RAM."""
    realm.tables.ensure(0)
    realm.init_ripas(LAST_PAGE, BLOCK)
    base = realm.world.delegated(PAGES, align_bytes=BLOCK)
    map_pages(realm, list(granules(base, PAGES)))
    assert realm.rmi.rtt_fold(realm.rd, 0, 3) == Fails("rtt_homo", index=3)


def share(realm: Realm, level: int, desc: int) -> Ipa:
    """Map 512 entries from the start of the unprotected half on, memory after memory."""
    world, shared, size = realm.world, realm.unprotected_base, entry_bytes(level)
    realm.tables.ensure(shared, level)
    fid = realm.rmi.command("RMI_RTT_MAP_UNPROTECTED").fid
    step = Step(fid, (realm.rd, shared, level, desc), strides=(0, size, 0, size))
    assert world.link.run_program(Program([step], world.page(), repeat=PAGES)).ok
    return shared


def replace(realm: Realm, level: int, number: int, desc: int) -> None:
    """Map one of the entries to something else; 0 leaves it unmapped."""
    ipa = realm.unprotected_base + number * entry_bytes(level)
    realm.rmi.rtt_unmap_unprotected(realm.rd, ipa, level).require()
    if desc:
        realm.rmi.rtt_map_unprotected(realm.rd, ipa, level, desc).require()


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("mem_attr", [0b101, 0b110])
def test_shared_memory_folds_into_a_block_and_back(realm: Realm, level: int, mem_attr: int) -> None:
    """RMI_RTT_FOLD, RMI_RTT_CREATE on ASSIGNED_NS: 2 MiB and 1 GiB blocks (RTT-05)."""
    desc, size = unprotected_desc(MEMORY, mem_attr=mem_attr), entry_bytes(level)
    shared = share(realm, level, desc)
    assert realm.tables.fold(shared, level) == Succeeds()
    block = RttEntry(level - 1, RttState.ASSIGNED, desc, Ripas.EMPTY)
    assert realm.tables.entry(shared) == block
    realm.tables.create(shared, level)
    for number in (0, 1, PAGES - 1):
        entry = realm.tables.entry(shared + number * size)
        wanted = RttEntry(level, RttState.ASSIGNED, desc + number * size, Ripas.EMPTY)
        assert entry == wanted


LAST = PAGES - 1
UNLIKE = {
    "attributes": (0, unprotected_desc(MEMORY, mem_attr=0b101)),
    "permissions": (0, unprotected_desc(MEMORY, s2ap=0b01)),
    "address": (LAST, unprotected_desc(MEMORY)),
    "missing": (LAST, 0),
}


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("case", UNLIKE)
def test_shared_entries_must_be_alike(realm: Realm, case: str, level: int) -> None:
    """RMI_RTT_FOLD, rtt_homo on ASSIGNED_NS: one entry is not like the others (RTTF-16)."""
    shared = share(realm, level, unprotected_desc(MEMORY))
    replace(realm, level, *UNLIKE[case])
    assert realm.rmi.rtt_fold(realm.rd, shared, level) == Fails("rtt_homo", index=level)
    assert realm.tables.entry(shared, level - 1).state == RttState.TABLE


@pytest.mark.parametrize("level", [2, 3])
def test_shared_blocks_must_be_aligned(realm: Realm, level: int) -> None:
    """RMI_RTT_FOLD, rtt_homo: contiguous, but from an address inside a block."""
    shared = share(realm, level, unprotected_desc(MEMORY + entry_bytes(level)))
    assert realm.rmi.rtt_fold(realm.rd, shared, level) == Fails("rtt_homo", index=level)


def test_there_are_no_blocks_at_level_0(make_realm: MakeRealm) -> None:
    """RMI_RTT_FOLD, block_level: 512 GiB of shared memory, all alike, stay a table."""
    realm = make_realm(ipa_width=48, start_level=0)
    shared = share(realm, 1, unprotected_desc(0))
    assert realm.rmi.rtt_fold(realm.rd, shared, 1) == Fails("block_level", index=0)
