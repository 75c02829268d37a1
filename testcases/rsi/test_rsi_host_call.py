# SPDX-License-Identifier: BSD-3-Clause
"""RSI_HOST_CALL: immediate and 31 registers to the host and back."""

from __future__ import annotations

import pytest

from harness.abi import codec
from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, GuestRealm, HostCallExit, Reentry
from harness.rmi import Fails, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BORDER = Ipa(1 << 39)
CALL = codec("RsiHostCall")
IMM = 0x1234
FROM_REALM = tuple(0x1111_0000_0000_0000 + n for n in range(31))
FROM_HOST = tuple(0x2222_0000_0000_0000 + n for n in range(31))


def with_call(make_guest: MakeGuest, offset: int = 0) -> GuestRealm:
    """A realm with a filled RsiHostCall in the page at HEAP."""
    guest = make_guest(activate=False)
    page = bytes(offset) + CALL.encode(imm=IMM, gprs=FROM_REALM)
    guest.realm.map_data(HEAP, page)
    guest.start()
    return guest


def stored(guest: GuestRealm, at: int = HEAP) -> tuple[int, ...]:
    """The registers in the structure as the realm reads them."""
    first = at + CALL.offset("gprs")
    return tuple(guest.guest.read(first + 8 * n).value for n in range(31))


@pytest.mark.parametrize("offset", [0, 0x100, 0xF00], ids=["first", "second", "last"])
def test_host_sees_immediate_and_registers(make_guest: MakeGuest, offset: int) -> None:
    """The exit has the structure's contents, from anywhere in the page (HCAL-03, RSI-01)."""
    seen = with_call(make_guest, offset).guest.submit_smc("RSI_HOST_CALL", HEAP + offset)
    assert isinstance(seen, HostCallExit)
    assert seen.imm == IMM
    assert seen.gprs == FROM_REALM


def test_exit_shows_nothing_else(make_guest: MakeGuest) -> None:
    """imm and gprs are all that a host call shows (RSI-01)."""
    seen = with_call(make_guest).guest.submit_smc("RSI_HOST_CALL", HEAP)
    assert set(seen.specific()) == {"imm", "gprs"}


def test_realm_sees_the_host_registers(make_guest: MakeGuest) -> None:
    """The entry's registers replace the structure's; imm stays; X0 = SUCCESS (RSI-01)."""
    guest = with_call(make_guest)
    guest.guest.submit_smc("RSI_HOST_CALL", HEAP)
    assert guest.guest.finish_smc("RSI_HOST_CALL", how=Reentry(gprs=FROM_HOST)) == Succeeds()
    assert stored(guest) == FROM_HOST
    assert guest.guest.read(HEAP, 2).value == IMM


def test_call_returns_nothing_in_registers(make_guest: MakeGuest) -> None:
    """Host values reach the structure only, not X1 and up."""
    guest = with_call(make_guest)
    guest.guest.submit_smc("RSI_HOST_CALL", HEAP, 0x77)
    result = guest.guest.finish_smc("RSI_HOST_CALL", how=Reentry(gprs=FROM_HOST))
    assert result.x[1:3] == (HEAP, 0x77)


@pytest.mark.parametrize(
    ("condition", "addr"),
    [
        ("addr_align", HEAP + 8),
        ("addr_align", HEAP + 0x80),
        ("addr_bound", BORDER),
        ("addr_bound", HEAP + GRANULE_BYTES),
    ],
    ids=["by-8", "by-128", "unprotected", "empty"],
)
def test_bad_address_returns_to_the_realm(make_guest: MakeGuest, condition: str, addr: int) -> None:
    """RSI_HOST_CALL checks its address without an exit (HCAL-01, HCAL-02)."""
    guest = with_call(make_guest)
    assert guest.guest.rsi.call("RSI_HOST_CALL", addr) == Fails(condition)


def test_structure_in_missing_memory_exits_as_an_abort(make_guest: MakeGuest) -> None:
    """RAM that is not mapped: an emulated data abort; mapped, the call happens (exits.md 8)."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.start()
    seen = guest.guest.submit_smc("RSI_HOST_CALL", HEAP + 0x100)
    assert isinstance(seen, DataAbort)
    assert seen.is_translation_fault
    assert not seen.emulatable
    assert (seen.ipa, seen.fault_level) == (HEAP, 3)
    guest.realm.map_unknown(HEAP)
    again = guest.guest.resume()
    assert isinstance(again, HostCallExit)
    assert (again.imm, again.gprs) == (0, (0,) * 31)


def test_answer_waits_for_the_structure_page(make_guest: MakeGuest) -> None:
    """The page goes while the host works: the entry exits with an abort, the realm does not run.

    DATA_DESTROY leaves the page DESTROYED, so only the realm could make it usable again.
    """
    guest = with_call(make_guest)
    guest.guest.submit_smc("RSI_HOST_CALL", HEAP)
    guest.realm.unmap_data(HEAP)
    for _ in range(2):
        seen = guest.guest.resume(Reentry(gprs=FROM_HOST))
        assert isinstance(seen, DataAbort)
        assert seen.is_translation_fault
        assert seen.ipa == HEAP
        assert set(seen.specific()) == {"esr", "hpfar"}
