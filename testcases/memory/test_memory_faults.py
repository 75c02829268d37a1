# SPDX-License-Identifier: BSD-3-Clause
"""What a data access and a fetch meet in each state of memory (RMM specification, exits)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, Exit, GuestRealm, HostCallExit, InstructionAbort, Report
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
UNPROTECTED = Ipa((1 << 39) + (1 << 30))
FNV_MASK, SET_MASK, EA_MASK = 1 << 10, 3 << 11, 1 << 9
EXPOSED_ESR_BITS = 0x3F << 26 | SET_MASK | FNV_MASK | EA_MASK | 0x3F

Prepare = Callable[[GuestRealm], None]


def nothing(_guest: GuestRealm) -> None:
    """HEAP stays as the realm's creation left it."""


def ram(guest: GuestRealm) -> None:
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)


def assigned(guest: GuestRealm) -> None:
    guest.realm.map_unknown(HEAP)


def destroyed(guest: GuestRealm) -> None:
    ram(guest)
    assigned(guest)
    guest.realm.unmap_data(HEAP)


def assigned_destroyed(guest: GuestRealm) -> None:
    destroyed(guest)
    assigned(guest)


def prepared(make_guest: MakeGuest, prepare: Prepare) -> GuestRealm:
    """A booted realm whose page at HEAP was brought into a state before."""
    guest = make_guest(activate=False)
    prepare(guest)
    guest.start()
    return guest


EMPTY = pytest.mark.parametrize(
    "state", [nothing, assigned], ids=["unassigned-empty", "assigned-empty"]
)
UNUSABLE = pytest.mark.parametrize(
    "state",
    [ram, destroyed, assigned_destroyed],
    ids=["unassigned-ram", "unassigned-destroyed", "assigned-destroyed"],
)


@EMPTY
@pytest.mark.parametrize("command", ["READ", "WRITE"])
def test_data_access_to_empty_aborts_in_the_realm(
    make_guest: MakeGuest, state: Prepare, command: str
) -> None:
    """RIPAS EMPTY, whatever HIPAS: SEA with the address, no exit (MEM-01, MEM-02, MEM-13)."""
    report = prepared(make_guest, state).guest.run(command, HEAP, 8)
    assert report.is_external_abort
    assert (report.exceptions, report.far) == (1, HEAP)


@EMPTY
def test_fetch_from_empty_aborts_in_the_realm(make_guest: MakeGuest, state: Prepare) -> None:
    """A fetch from RIPAS EMPTY takes a SEA, no exit (MEM-01, MEM-02)."""
    report = prepared(make_guest, state).guest.run("FETCH", HEAP)
    assert report.is_external_abort


@UNUSABLE
@pytest.mark.parametrize("command", ["READ", "WRITE"])
def test_data_access_exits(make_guest: MakeGuest, state: Prepare, command: str) -> None:
    """RAM not mapped, or DESTROYED: a data abort, not emulatable (MEM-03, MEM-04, MEM-06)."""
    seen = prepared(make_guest, state).guest.submit(command, HEAP, 8, 1)
    assert isinstance(seen, DataAbort)
    assert not seen.emulatable
    assert seen.is_translation_fault
    assert seen.ipa == HEAP


@UNUSABLE
def test_fetch_exits(make_guest: MakeGuest, state: Prepare) -> None:
    """RAM not mapped, or DESTROYED: an instruction abort (MEM-03, MEM-05, MEM-06)."""
    seen = prepared(make_guest, state).guest.submit("FETCH", HEAP)
    assert isinstance(seen, InstructionAbort)
    assert seen.is_translation_fault
    assert seen.ipa == HEAP


@UNUSABLE
@pytest.mark.parametrize("command", ["WRITE", "FETCH"])
def test_exit_shows_only_syndrome_and_page(
    make_guest: MakeGuest, state: Prepare, command: str
) -> None:
    """Protected memory: masked esr and hpfar; far, gprs and the rest are zero (EXIT-09)."""
    seen = prepared(make_guest, state).guest.submit(command, HEAP + 0x108, 8, 1)
    assert set(seen.specific()) == {"esr", "hpfar"}
    assert seen.number("esr") & ~EXPOSED_ESR_BITS == 0


def test_access_is_repeated_until_memory_is_there(make_guest: MakeGuest) -> None:
    """Entering again without a change exits again in the same way."""
    guest = prepared(make_guest, ram)
    first = guest.guest.submit("READ", HEAP, 8)
    assert guest.guest.resume().specific() == first.specific()


def test_destroyed_page_stays_unusable_when_mapped_again(make_guest: MakeGuest) -> None:
    """The realm makes no progress on DESTROYED memory, mapped or not (exits.md 2)."""
    guest = prepared(make_guest, destroyed)
    assert isinstance(guest.guest.submit("READ", HEAP, 8), DataAbort)
    guest.realm.map_unknown(HEAP)
    assert isinstance(guest.guest.resume(), DataAbort)


@pytest.mark.parametrize("mapped", [False, True], ids=["unassigned", "assigned"])
def test_fetch_from_unprotected_memory_aborts_in_the_realm(guest: GuestRealm, mapped: bool) -> None:
    """No code runs from memory that the host shares: SEA, no exit (MEM-08)."""
    if mapped:
        guest.realm.share_page(UNPROTECTED)
    assert guest.guest.run("FETCH", UNPROTECTED).is_external_abort


def test_data_access_to_unassigned_unprotected_memory_exits(guest: GuestRealm) -> None:
    """UNASSIGNED_NS: a data abort that the host may emulate (MEM-07)."""
    seen = guest.guest.submit("READ", UNPROTECTED, 8)
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
    assert seen.ipa == UNPROTECTED


def stayed_inside(seen: Exit) -> Report:
    """The command ended with a report, not with an exit."""
    assert isinstance(seen, HostCallExit)
    return Report.of(seen)


@pytest.mark.parametrize("command", ["READ", "WRITE", "FETCH"])
@pytest.mark.parametrize("mmu", [0, 1], ids=["mmu-off", "mmu-on"])
def test_access_beyond_the_ipa_space_stays_in_the_realm(
    guest: GuestRealm, command: str, mmu: int
) -> None:
    """Beyond the IPA space: an exception in the realm, no exit (MEM-09).

    With the MMU off the fault is stage 2's: TF-RMM gives a SEA, the text that ACS quotes
    an address size fault. With it on, the realm's own tables may refuse the address first.
    """
    guest.guest.run("MMU", mmu)
    beyond = 1 << guest.realm.config.ipa_width
    report = stayed_inside(guest.guest.submit(command, beyond, 8))
    assert report.exceptions == 1
    if not mmu:
        assert report.is_external_abort or report.is_address_size_fault


def test_last_page_of_the_ipa_space_still_exits(guest: GuestRealm) -> None:
    """The twin: the last unprotected page belongs to the space."""
    last = (1 << guest.realm.config.ipa_width) - GRANULE_BYTES
    assert isinstance(guest.guest.submit("READ", last, 8), DataAbort)


@pytest.mark.parametrize("width", [32, 36, 40, 48])
def test_border_follows_the_ipa_width(make_guest: MakeGuest, width: int) -> None:
    """Just below 2^(width-1) is protected (SEA while EMPTY), just above it is not (exit)."""
    guest = make_guest(ipa_width=width)
    border = 1 << width - 1
    assert guest.guest.run("READ", border - 8, 8).is_external_abort
    seen = guest.guest.submit("READ", border, 8)
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
