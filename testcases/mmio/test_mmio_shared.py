# SPDX-License-Identifier: BSD-3-Clause
"""Normal-world memory at unprotected IPAs: both sides see it, attributes hold, it goes away."""

from __future__ import annotations

import pytest

from harness.realm import DataAbort, GuestRealm, NormalWorld, entry_bytes, unprotected_desc
from harness.realm.tables import S2AP_READ_ONLY
from harness.rmi import Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

SHARED = Ipa((1 << 39) + (1 << 30))
BLOCK_BYTES = entry_bytes(2)


def test_realm_reads_what_the_host_wrote(guest: GuestRealm, ns: NormalWorld) -> None:
    """RMI_RTT_MAP_UNPROTECTED: the realm reads the host's page (UNP-03)."""
    page = guest.realm.share_page(SHARED)
    ns.poke(page, 0xCCA)
    assert guest.guest.read(SHARED).value == 0xCCA


def test_host_reads_what_the_realm_wrote(guest: GuestRealm, ns: NormalWorld) -> None:
    """RMI_RTT_MAP_UNPROTECTED: the host reads what the realm stored (UNP-03)."""
    page = guest.realm.share_page(SHARED)
    assert guest.guest.write(SHARED + 8, 0xACC).ok
    assert ns.peek(page + 8).value == 0xACC


@pytest.mark.parametrize(
    "mem_attr", [0b110, 0b111, 0b101], ids=["write-back", "as-stage-1", "non-cacheable"]
)
def test_attributes_are_the_host_s_choice(
    guest: GuestRealm, ns: NormalWorld, mem_attr: int
) -> None:
    """Each choice of stage 2 attributes is kept, and values pass both ways (UNP-01)."""
    page = guest.realm.share_page(SHARED, mem_attr=mem_attr)
    assert guest.realm.tables.entry(SHARED).desc == unprotected_desc(page, mem_attr=mem_attr)
    ns.poke(page, 0xCCA)
    assert guest.guest.read(SHARED).value == 0xCCA
    assert guest.guest.write(SHARED + 8, 0xACC).ok
    assert ns.peek(page + 8).value == 0xACC


def test_read_only_page_can_be_read(guest: GuestRealm, ns: NormalWorld) -> None:
    """S2AP without the write bit still lets the realm read."""
    page = guest.realm.share_page(SHARED, s2ap=S2AP_READ_ONLY)
    ns.poke(page, 0xCCA)
    assert guest.guest.read(SHARED).value == 0xCCA


def test_read_only_page_cannot_be_written(guest: GuestRealm, ns: NormalWorld) -> None:
    """S2AP without the write bit makes a store exit, and the page keeps its contents."""
    page = guest.realm.share_page(SHARED, s2ap=S2AP_READ_ONLY)
    assert isinstance(guest.guest.submit("WRITE", SHARED, 8, 1), DataAbort)
    assert ns.peek(page).value == 0


@pytest.mark.parametrize("offset", [0, GRANULE_BYTES + 8, BLOCK_BYTES - 8])
def test_block_mapping_reaches_all_of_it(guest: GuestRealm, ns: NormalWorld, offset: int) -> None:
    """RMI_RTT_MAP_UNPROTECTED at level 2 maps 2 MiB of adjacent memory."""
    count = BLOCK_BYTES // GRANULE_BYTES
    block = ns.page(count=count, align_bytes=BLOCK_BYTES)
    guest.realm.tables.map_unprotected(SHARED, block, level=2)
    guest.guest.write(SHARED + offset, 0xCCA)
    assert ns.peek(block + offset).value == 0xCCA


def test_unmapped_page_exits_again(guest: GuestRealm) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED invalidates the translation: the next access exits."""
    realm = guest.realm
    realm.share_page(SHARED)
    assert guest.guest.read(SHARED).ok
    realm.rmi.rtt_unmap_unprotected(realm.rd, SHARED, 3).require()
    seen = guest.guest.submit("READ", SHARED, 8)
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
    assert seen.ipa == SHARED


def test_unmapped_block_exits_again(guest: GuestRealm, ns: NormalWorld) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED at level 2 takes all of the block away."""
    realm = guest.realm
    count = BLOCK_BYTES // GRANULE_BYTES
    block = ns.page(count=count, align_bytes=BLOCK_BYTES)
    realm.tables.map_unprotected(SHARED, block, level=2)
    assert guest.guest.read(SHARED + GRANULE_BYTES).ok
    assert realm.rmi.rtt_unmap_unprotected(realm.rd, SHARED, 2) == Succeeds()
    assert isinstance(guest.guest.submit("READ", SHARED + GRANULE_BYTES, 8), DataAbort)


def test_destroyed_table_takes_its_mappings_away(guest: GuestRealm) -> None:
    """RMI_RTT_DESTROY of a table of shared pages: they are not live, but no longer accessible."""
    realm = guest.realm
    realm.share_page(SHARED)
    assert guest.guest.read(SHARED).ok
    table = realm.rmi.rtt_destroy(realm.rd, SHARED, 3).require().rtt
    realm.world.undelegate(table)
    assert isinstance(guest.guest.submit("READ", SHARED, 8), DataAbort)


def test_page_mapped_during_an_exit_completes_the_access(
    guest: GuestRealm, ns: NormalWorld
) -> None:
    """Entering again without a flag retries the access, now on the mapped page."""
    assert isinstance(guest.guest.submit("READ", SHARED, 8), DataAbort)
    page = guest.realm.share_page(SHARED)
    ns.poke(page, 0xCCA)
    assert guest.guest.finish(guest.guest.resume()).value == 0xCCA


def test_page_remapped_elsewhere_is_seen_at_once(guest: GuestRealm, ns: NormalWorld) -> None:
    """Unmap and map of another page leave no stale translation."""
    realm = guest.realm
    for number in range(2):
        ns.poke(realm.share_page(SHARED), number + 1)
        assert guest.guest.read(SHARED).value == number + 1
        realm.rmi.rtt_unmap_unprotected(realm.rd, SHARED, 3).require()
