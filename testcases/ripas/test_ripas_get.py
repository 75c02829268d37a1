# SPDX-License-Identifier: BSD-3-Clause
"""RSI_IPA_STATE_GET: the RIPAS of the first page and how far it reaches."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, entry_bytes
from harness.rmi import Fails, Ripas, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BLOCK_BYTES = entry_bytes(2)


@pytest.fixture
def mixed(make_guest: MakeGuest) -> GuestRealm:
    """A realm whose heap is three pages RAM, then EMPTY."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + 3 * GRANULE_BYTES)
    guest.start()
    return guest


def test_extent_ends_where_the_ripas_changes(mixed: GuestRealm) -> None:
    """RSI_IPA_STATE_GET returns the run of equal RIPAS from base (IPSG-05, RIP-08)."""
    result = mixed.guest.rsi.ipa_state_get(HEAP, HEAP + 8 * GRANULE_BYTES)
    assert result == Succeeds(out_top=HEAP + 3 * GRANULE_BYTES, ripas=Ripas.RAM)


def test_extent_ends_at_the_top_asked_for(mixed: GuestRealm) -> None:
    """RSI_IPA_STATE_GET never passes top."""
    top = HEAP + 2 * GRANULE_BYTES
    assert mixed.guest.rsi.ipa_state_get(HEAP, top) == Succeeds(out_top=top, ripas=Ripas.RAM)


def test_extent_of_empty_memory(mixed: GuestRealm) -> None:
    """RSI_IPA_STATE_GET reports EMPTY like any other RIPAS."""
    base, top = HEAP + 3 * GRANULE_BYTES, HEAP + 8 * GRANULE_BYTES
    result = mixed.guest.rsi.ipa_state_get(base, top)
    assert result == Succeeds(out_top=top, ripas=Ripas.EMPTY)


def test_extent_over_a_block(make_guest: MakeGuest) -> None:
    """RSI_IPA_STATE_GET of a range within a level 2 entry ends at top, not at the entry."""
    guest = make_guest(activate=False)
    guest.realm.tables.ensure(HEAP, 2)
    guest.realm.init_ripas(HEAP, HEAP + BLOCK_BYTES)
    guest.start()
    base, top = HEAP + GRANULE_BYTES, HEAP + 2 * GRANULE_BYTES
    result = guest.guest.rsi.ipa_state_get(base, top)
    assert result == Succeeds(out_top=top, ripas=Ripas.RAM)


def test_destroyed_data_is_seen_as_destroyed(mixed: GuestRealm) -> None:
    """RMI_DATA_DESTROY of RAM leaves RIPAS DESTROYED, which the realm can ask for."""
    mixed.realm.map_unknown(HEAP)
    mixed.realm.unmap_data(HEAP)
    result = mixed.guest.rsi.ipa_state_get(HEAP, HEAP + 3 * GRANULE_BYTES)
    assert result == Succeeds(out_top=HEAP + GRANULE_BYTES, ripas=Ripas.DESTROYED)


def test_destroyed_table_is_seen_as_destroyed(mixed: GuestRealm) -> None:
    """RMI_RTT_DESTROY leaves its whole range DESTROYED, RAM and EMPTY alike."""
    realm = mixed.realm
    realm.world.undelegate(realm.rmi.rtt_destroy(realm.rd, HEAP, 3).require().rtt)
    top = HEAP + 8 * GRANULE_BYTES
    result = mixed.guest.rsi.ipa_state_get(HEAP, top)
    assert result == Succeeds(out_top=top, ripas=Ripas.DESTROYED)


@pytest.mark.parametrize(
    ("condition", "base", "top"),
    [
        ("base_align", HEAP + 1, HEAP + GRANULE_BYTES),
        ("end_align", HEAP, HEAP + GRANULE_BYTES + 1),
        ("size_valid", HEAP, HEAP),
        ("size_valid", HEAP + GRANULE_BYTES, HEAP),
        ("rgn_bound", (1 << 39) - GRANULE_BYTES, (1 << 39) + GRANULE_BYTES),
        ("rgn_bound", 1 << 39, (1 << 39) + GRANULE_BYTES),
    ],
    ids=["base", "top", "no-page", "reversed", "across-the-border", "unprotected"],
)
def test_range_that_is_not_one_is_refused(
    guest: GuestRealm, condition: str, base: int, top: int
) -> None:
    """RSI_IPA_STATE_GET checks its range (IPSG-01..04)."""
    assert guest.realm.unprotected_base == 1 << 39
    assert guest.guest.rsi.ipa_state_get(base, top) == Fails(condition)
