# SPDX-License-Identifier: BSD-3-Clause
"""RSI_IPA_STATE_SET by the realm, RMI_RTT_SET_RIPAS by the host, and what the realm is told."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, GuestRealm, Reentry, RipasChangeExit, entry_bytes
from harness.rmi import EnterFlags, Fails, Result, Ripas, RttState, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
PAGES = 3
TOP = Ipa(HEAP + PAGES * GRANULE_BYTES)
BLOCK_BYTES = entry_bytes(2)
ACCEPT = tables().enum("RsiResponse")["ACCEPT"]
REJECT = tables().enum("RsiResponse")["REJECT"]
KEEP_DESTROYED = 0
CHANGE_DESTROYED = tables().bitfield("RsiRipasChangeFlags").bits("CHANGE_DESTROYED").mask


def ask(
    guest: GuestRealm,
    ripas: Ripas,
    *,
    base: int = HEAP,
    top: int = TOP,
    flags: int = KEEP_DESTROYED,
) -> RipasChangeExit:
    """Let the realm ask for a RIPAS; tables are there, so that the host may do any part."""
    guest.realm.tables.ensure(base)
    seen = guest.guest.submit_smc("RSI_IPA_STATE_SET", base, top, ripas, flags)
    assert isinstance(seen, RipasChangeExit)
    return seen


def answer(guest: GuestRealm, flags: int = EnterFlags.NONE) -> Result:
    """Enter the REC again; what RSI_IPA_STATE_SET returned in the realm."""
    return guest.guest.finish_smc("RSI_IPA_STATE_SET", how=Reentry(flags))


def set_ripas(guest: GuestRealm, base: int, top: int) -> Result:
    return guest.realm.rmi.rtt_set_ripas(guest.realm.rd, guest.rec.pa, base, top)


@pytest.fixture
def ram(make_guest: MakeGuest) -> GuestRealm:
    """A realm whose heap is RAM."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, TOP)
    guest.start()
    return guest


@pytest.fixture
def destroyed(ram: GuestRealm) -> GuestRealm:
    """A realm whose second heap page is DESTROYED, the others RAM."""
    ram.realm.map_unknown(HEAP + GRANULE_BYTES)
    ram.realm.unmap_data(HEAP + GRANULE_BYTES)
    return ram


def test_request_exits_with_its_base_top_and_value(guest: GuestRealm) -> None:
    """RSI_IPA_STATE_SET always exits with RIPAS_CHANGE (IPSS-06)."""
    seen = ask(guest, Ripas.RAM)
    assert (seen.base, seen.top, seen.ripas) == (HEAP, TOP, Ripas.RAM)


def test_exit_shows_nothing_but_the_request(guest: GuestRealm) -> None:
    """Every other field of the exit record is zero (RIP-06)."""
    assert set(ask(guest, Ripas.RAM).specific()) == {"ripas_base", "ripas_top", "ripas_value"}


def test_request_for_empty_shows_value_zero(ram: GuestRealm) -> None:
    """RIPAS EMPTY is encoded as zero in the exit record."""
    seen = ask(ram, Ripas.EMPTY)
    assert seen.ripas == Ripas.EMPTY
    assert set(seen.specific()) == {"ripas_base", "ripas_top"}


def test_host_applies_the_whole_request(guest: GuestRealm) -> None:
    """The realm sees new_base = top and ACCEPT (RIP-03, RIPS-27)."""
    ask(guest, Ripas.RAM)
    assert set_ripas(guest, HEAP, TOP) == Succeeds(out_top=TOP)
    assert answer(guest) == Succeeds(new_base=TOP, response=ACCEPT)
    assert guest.guest.rsi.ipa_state_get(HEAP, TOP) == Succeeds(out_top=TOP, ripas=Ripas.RAM)


def test_host_applies_part_of_the_request(guest: GuestRealm) -> None:
    """The realm sees the first address not processed and goes on from there (RIP-04)."""
    part = HEAP + GRANULE_BYTES
    ask(guest, Ripas.RAM)
    assert set_ripas(guest, HEAP, part) == Succeeds(out_top=part)
    assert answer(guest) == Succeeds(new_base=part, response=ACCEPT)
    assert ask(guest, Ripas.RAM, base=part).base == part
    assert set_ripas(guest, part, TOP) == Succeeds(out_top=TOP)
    assert answer(guest) == Succeeds(new_base=TOP)


def test_host_applies_the_request_page_by_page(guest: GuestRealm) -> None:
    """Each RMI_RTT_SET_RIPAS goes on where the one before ended (RIP-01)."""
    ask(guest, Ripas.RAM)
    for base in range(HEAP, TOP, GRANULE_BYTES):
        after = base + GRANULE_BYTES
        assert set_ripas(guest, base, after) == Succeeds(out_top=after)
    assert answer(guest) == Succeeds(new_base=TOP, response=ACCEPT)


def test_host_does_nothing(guest: GuestRealm) -> None:
    """The realm sees new_base = base, and memory stays as it was."""
    ask(guest, Ripas.RAM)
    assert answer(guest) == Succeeds(new_base=HEAP, response=ACCEPT)
    assert guest.realm.tables.entry(HEAP).ripas is Ripas.EMPTY


def test_host_rejects_ram(guest: GuestRealm) -> None:
    """RIPAS_RESPONSE = REJECT reaches the realm; RIPAS is unchanged (RIP-02)."""
    ask(guest, Ripas.RAM)
    rejected = answer(guest, EnterFlags.RIPAS_REJECT)
    assert rejected == Succeeds(new_base=HEAP, response=REJECT)
    assert guest.realm.tables.entry(HEAP).ripas is Ripas.EMPTY


def test_host_rejects_the_rest_of_a_request(guest: GuestRealm) -> None:
    """A request half done can still be rejected; new_base tells how far it got."""
    part = HEAP + GRANULE_BYTES
    ask(guest, Ripas.RAM)
    set_ripas(guest, HEAP, part).require()
    rejected = answer(guest, EnterFlags.RIPAS_REJECT)
    assert rejected == Succeeds(new_base=part, response=REJECT)


def test_finished_request_cannot_be_rejected(guest: GuestRealm) -> None:
    """REJECT is reported only for a request that is not complete."""
    ask(guest, Ripas.RAM)
    set_ripas(guest, HEAP, TOP).require()
    assert answer(guest, EnterFlags.RIPAS_REJECT) == Succeeds(new_base=TOP, response=ACCEPT)


def test_request_for_empty_cannot_be_rejected(ram: GuestRealm) -> None:
    """REJECT is reported only for a request for RAM."""
    ask(ram, Ripas.EMPTY)
    rejected = answer(ram, EnterFlags.RIPAS_REJECT)
    assert rejected == Succeeds(new_base=HEAP, response=ACCEPT)


def test_empty_becomes_ram_and_usable(guest: GuestRealm) -> None:
    """EMPTY → RAM, then RMI_DATA_CREATE_UNKNOWN: the realm can write and read."""
    ask(guest, Ripas.RAM)
    set_ripas(guest, HEAP, TOP).require()
    answer(guest).require()
    guest.realm.map_unknown(HEAP)
    assert guest.guest.write(HEAP, 0xCCA).ok
    assert guest.guest.read(HEAP).value == 0xCCA


def test_ram_becomes_empty_and_unusable(ram: GuestRealm) -> None:
    """RAM → EMPTY keeps the page assigned, but the translation is gone (RIP-05)."""
    ram.realm.map_unknown(HEAP)
    assert ram.guest.read(HEAP).ok
    ask(ram, Ripas.EMPTY)
    assert set_ripas(ram, HEAP, TOP) == Succeeds(out_top=TOP)
    assert answer(ram) == Succeeds(new_base=TOP, response=ACCEPT)
    entry = ram.realm.tables.entry(HEAP)
    assert (entry.state, entry.ripas) == (RttState.ASSIGNED, Ripas.EMPTY)
    assert ram.guest.read(HEAP).is_external_abort


def test_ram_emptied_and_made_ram_again_keeps_its_page(ram: GuestRealm) -> None:
    """ASSIGNED/EMPTY → ASSIGNED/RAM: the page translates again, with its contents."""
    ram.realm.map_unknown(HEAP)
    ram.guest.write(HEAP, 0xCCA)
    for ripas in (Ripas.EMPTY, Ripas.RAM):
        ask(ram, ripas)
        set_ripas(ram, HEAP, TOP).require()
        answer(ram).require()
    assert ram.guest.read(HEAP).value == 0xCCA


@pytest.mark.parametrize("wanted", [Ripas.RAM, Ripas.EMPTY], ids=["ram", "empty"])
def test_destroyed_page_stops_a_change_without_the_flag(
    destroyed: GuestRealm, wanted: Ripas
) -> None:
    """Without CHANGE_DESTROYED processing ends before the DESTROYED page (RIP-07)."""
    page = HEAP + GRANULE_BYTES
    ask(destroyed, wanted)
    assert set_ripas(destroyed, HEAP, TOP) == Succeeds(out_top=page)
    assert answer(destroyed) == Succeeds(new_base=page, response=ACCEPT)
    assert destroyed.realm.tables.entry(page).ripas is Ripas.DESTROYED


@pytest.mark.parametrize("wanted", [Ripas.RAM, Ripas.EMPTY], ids=["ram", "empty"])
def test_destroyed_page_changes_with_the_flag(destroyed: GuestRealm, wanted: Ripas) -> None:
    """With CHANGE_DESTROYED the whole range is processed (RIP-07)."""
    ask(destroyed, wanted, flags=CHANGE_DESTROYED)
    assert set_ripas(destroyed, HEAP, TOP) == Succeeds(out_top=TOP)
    assert answer(destroyed) == Succeeds(new_base=TOP, response=ACCEPT)
    result = destroyed.guest.rsi.ipa_state_get(HEAP, TOP)
    assert result == Succeeds(out_top=TOP, ripas=wanted)


def test_window_is_closed_by_the_next_entry(guest: GuestRealm) -> None:
    """RMI_RTT_SET_RIPAS after REC_ENTER finds no request (exits.md 6)."""
    ask(guest, Ripas.RAM)
    answer(guest).require()
    assert set_ripas(guest, HEAP, TOP) == Fails("base_bound")


def test_block_changes_in_one_call(guest: GuestRealm) -> None:
    """A request for 2 MiB is one level 2 entry where no table is below (RIP-11)."""
    realm, top = guest.realm, HEAP + BLOCK_BYTES
    realm.tables.ensure(HEAP, 2)
    seen = guest.guest.submit_smc("RSI_IPA_STATE_SET", HEAP, top, Ripas.RAM, KEEP_DESTROYED)
    assert isinstance(seen, RipasChangeExit)
    assert set_ripas(guest, HEAP, top) == Succeeds(out_top=top)
    assert answer(guest) == Succeeds(new_base=top)
    entry = realm.tables.entry(HEAP)
    assert (entry.level, entry.ripas) == (2, Ripas.RAM)


def test_request_across_a_block_border_takes_two_calls(guest: GuestRealm) -> None:
    """A single call works on one table; the next one goes on behind the border (RIP-11)."""
    border = HEAP + BLOCK_BYTES
    base, top = border - GRANULE_BYTES, border + GRANULE_BYTES
    guest.realm.tables.ensure(border)
    ask(guest, Ripas.RAM, base=base, top=top)
    assert set_ripas(guest, base, top) == Succeeds(out_top=border)
    assert set_ripas(guest, border, top) == Succeeds(out_top=top)
    assert answer(guest) == Succeeds(new_base=top, response=ACCEPT)


def test_emptied_block_no_longer_translates(make_guest: MakeGuest) -> None:
    """RAM → EMPTY of a 2 MiB mapping invalidates all of its translations (RIP-11)."""
    guest = make_guest(activate=False)
    top = HEAP + BLOCK_BYTES
    guest.realm.init_ripas(HEAP, top)
    guest.realm.map_block(HEAP)
    guest.start()
    assert guest.guest.read(top - GRANULE_BYTES).ok
    seen = guest.guest.submit_smc("RSI_IPA_STATE_SET", HEAP, top, Ripas.EMPTY, KEEP_DESTROYED)
    assert isinstance(seen, RipasChangeExit)
    assert set_ripas(guest, HEAP, top) == Succeeds(out_top=top)
    answer(guest).require()
    assert guest.guest.read(top - GRANULE_BYTES).is_external_abort


def test_memory_made_ram_exits_until_it_is_mapped(guest: GuestRealm) -> None:
    """EMPTY → RAM maps nothing: the first access exits as a data abort (exits.md 6)."""
    ask(guest, Ripas.RAM)
    set_ripas(guest, HEAP, TOP).require()
    answer(guest).require()
    seen = guest.guest.submit("READ", HEAP, 8)
    assert isinstance(seen, DataAbort)
    assert seen.is_translation_fault
