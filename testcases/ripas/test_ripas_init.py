# SPDX-License-Identifier: BSD-3-Clause
"""RIPAS before activation: what a new realm has, and RMI_RTT_INIT_RIPAS at page and block level."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import Realm, entry_bytes
from harness.rmi import Fails, Ripas, RttState, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BLOCK_BYTES = entry_bytes(2)


@pytest.mark.parametrize("ipa", [0, HEAP], ids=["bottom", "middle"])
def test_protected_memory_of_a_new_realm_is_empty(realm: Realm, ipa: int) -> None:
    """RMI_REALM_CREATE leaves the protected half UNASSIGNED, RIPAS EMPTY."""
    entry = realm.tables.entry(ipa)
    assert (entry.state, entry.ripas) == (RttState.UNASSIGNED, Ripas.EMPTY)


def test_init_at_page_level_changes_only_the_pages_named(realm: Realm) -> None:
    """RMI_RTT_INIT_RIPAS on two pages of a last-level table (RIPI-19)."""
    realm.tables.ensure(HEAP)
    top = HEAP + 2 * GRANULE_BYTES
    assert realm.rmi.rtt_init_ripas(realm.rd, HEAP, top) == Succeeds(out_top=top)
    seen = [realm.tables.entry(HEAP + n * GRANULE_BYTES).ripas for n in range(3)]
    assert seen == [Ripas.RAM, Ripas.RAM, Ripas.EMPTY]


def test_init_at_block_level_makes_a_whole_block_ram(realm: Realm) -> None:
    """RMI_RTT_INIT_RIPAS on a level 2 entry needs no table below it."""
    realm.tables.ensure(HEAP, 2)
    top = HEAP + BLOCK_BYTES
    assert realm.rmi.rtt_init_ripas(realm.rd, HEAP, top) == Succeeds(out_top=top)
    entry = realm.tables.entry(top - GRANULE_BYTES)
    assert (entry.level, entry.ripas) == (2, Ripas.RAM)
    assert realm.tables.entry(top).ripas is Ripas.EMPTY


def test_init_of_half_a_block_asks_for_a_table(realm: Realm) -> None:
    """RMI_RTT_INIT_RIPAS fails with the level below which tables are missing (RIPI-17)."""
    realm.tables.ensure(HEAP, 2)
    result = realm.rmi.rtt_init_ripas(realm.rd, HEAP, HEAP + GRANULE_BYTES)
    assert result == Fails("no_progress", index=2)
    assert realm.tables.entry(HEAP).ripas is Ripas.EMPTY


def test_init_stops_at_the_end_of_the_table(realm: Realm) -> None:
    """RMI_RTT_INIT_RIPAS works on one table: out_top is the end of the block of pages."""
    last = HEAP + BLOCK_BYTES - GRANULE_BYTES
    realm.tables.ensure(last)
    result = realm.rmi.rtt_init_ripas(realm.rd, last, last + 2 * GRANULE_BYTES)
    assert result == Succeeds(out_top=last + GRANULE_BYTES)


def test_init_again_keeps_ram(realm: Realm) -> None:
    """RMI_RTT_INIT_RIPAS accepts entries that already are RAM."""
    realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    top = HEAP + GRANULE_BYTES
    assert realm.rmi.rtt_init_ripas(realm.rd, HEAP, top) == Succeeds(out_top=top)
    assert realm.tables.entry(HEAP).ripas is Ripas.RAM


def test_init_after_activation_is_refused(make_guest: MakeGuest) -> None:
    """RMI_RTT_INIT_RIPAS needs the realm to be NEW (RIPI-12)."""
    realm = make_guest().realm
    result = realm.rmi.rtt_init_ripas(realm.rd, HEAP, HEAP + GRANULE_BYTES)
    assert result == Fails("realm_state")


@pytest.mark.parametrize("pages", [1, 3])
def test_realm_sees_what_the_host_initialised(make_guest: MakeGuest, pages: int) -> None:
    """RSI_IPA_STATE_GET in the realm tells RAM from EMPTY as RMI_RTT_INIT_RIPAS left it."""
    guest = make_guest(activate=False)
    ram_top = HEAP + pages * GRANULE_BYTES
    guest.realm.init_ripas(HEAP, ram_top)
    guest.start()
    rsi = guest.guest.rsi
    assert rsi.ipa_state_get(HEAP, ram_top) == Succeeds(out_top=ram_top, ripas=Ripas.RAM)
    after = ram_top + GRANULE_BYTES
    assert rsi.ipa_state_get(ram_top, after) == Succeeds(out_top=after, ripas=Ripas.EMPTY)
