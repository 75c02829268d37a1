# SPDX-License-Identifier: BSD-3-Clause
"""Every failure condition of RMI_RTT_SET_RIPAS and RSI_IPA_STATE_SET, in the tables' order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.plugin.fixtures import MakeGuest, MakeRealm
from harness.realm import GuestRealm, NormalWorld, RipasChangeExit, entry_bytes
from harness.rmi import Fails, Result, Ripas, Succeeds
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
TOP = Ipa(HEAP + 4 * GRANULE_BYTES)
DEVICE_PA = 0x0900_0000
BEYOND_PA = 1 << 52
RESERVED_FLAG = 1 << 1


@pytest.fixture
def asking(guest: GuestRealm) -> GuestRealm:
    """A realm that waits for the answer to EMPTY → RAM on [HEAP, TOP)."""
    guest.realm.tables.ensure(HEAP)
    return ask(guest, HEAP, TOP)


def ask(guest: GuestRealm, base: int, top: int) -> GuestRealm:
    seen = guest.guest.submit_smc("RSI_IPA_STATE_SET", base, top, Ripas.RAM, 0)
    assert isinstance(seen, RipasChangeExit)
    return guest


Call = Callable[[GuestRealm], Result]


def call(guest: GuestRealm, **changed: int) -> Result:
    """RMI_RTT_SET_RIPAS as it would succeed, except for what is changed."""
    wanted = {"rd": guest.realm.rd, "rec": guest.rec.pa, "base": HEAP, "top": TOP} | changed
    return guest.realm.rmi.rtt_set_ripas(*wanted.values())


CASES: list[tuple[str, str, Call]] = [
    ("top-below-base", "size_valid", lambda g: call(g, top=HEAP - GRANULE_BYTES)),
    ("no-page", "size_valid", lambda g: call(g, top=HEAP)),
    ("rd-unaligned", "rd_align", lambda g: call(g, rd=g.realm.rd + 1)),
    ("rd-device", "rd_bound", lambda g: call(g, rd=DEVICE_PA)),
    ("rd-beyond", "rd_bound", lambda g: call(g, rd=BEYOND_PA)),
    ("rd-undelegated", "rd_state", lambda g: call(g, rd=g.rec.run)),
    ("rd-is-rec", "rd_state", lambda g: call(g, rd=g.rec.pa)),
    ("rd-is-rtt", "rd_state", lambda g: call(g, rd=g.realm.root)),
    ("rec-unaligned", "rec_align", lambda g: call(g, rec=g.rec.pa + 1)),
    ("rec-device", "rec_bound", lambda g: call(g, rec=DEVICE_PA)),
    ("rec-beyond", "rec_bound", lambda g: call(g, rec=BEYOND_PA)),
    ("rec-undelegated", "rec_gran_state", lambda g: call(g, rec=g.rec.run)),
    ("rec-is-rd", "rec_gran_state", lambda g: call(g, rec=g.realm.rd)),
    ("rec-is-rtt", "rec_gran_state", lambda g: call(g, rec=g.realm.root)),
    ("rec-is-aux", "rec_gran_state", lambda g: call(g, rec=g.rec.aux[0])),
    ("base-below", "base_bound", lambda g: call(g, base=HEAP - GRANULE_BYTES)),
    ("base-skips", "base_bound", lambda g: call(g, base=HEAP + GRANULE_BYTES)),
    ("base-unaligned", "base_bound", lambda g: call(g, base=HEAP + 1)),
    ("top-beyond", "top_bound", lambda g: call(g, top=TOP + GRANULE_BYTES)),
    ("top-unaligned", "top_gran_align", lambda g: call(g, top=HEAP + GRANULE_BYTES + 1)),
]


@pytest.mark.parametrize(("condition", "act"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_bad_argument_is_refused_and_changes_nothing(
    asking: GuestRealm, condition: str, act: Call
) -> None:
    """RMI_RTT_SET_RIPAS refuses, the request can still be applied (RIPS-01..23, RIPS-25..26)."""
    assert act(asking) == Fails(condition)
    assert call(asking) == Succeeds(out_top=TOP)


def test_rec_of_another_realm_is_refused(asking: GuestRealm, make_realm: MakeRealm) -> None:
    """RMI_RTT_SET_RIPAS: the REC must belong to the realm (RIPS-17)."""
    other = make_realm()
    assert call(asking, rd=other.rd) == Fails("rec_owner")


def test_delegated_granule_is_neither_rd_nor_rec(asking: GuestRealm, ns: NormalWorld) -> None:
    """RMI_RTT_SET_RIPAS on a granule that is only DELEGATED (RIPS-05, RIPS-13)."""
    spare = ns.delegated()
    assert call(asking, rd=spare) == Fails("rd_state")
    assert call(asking, rec=spare) == Fails("rec_gran_state")
    ns.undelegate(spare)


def test_running_rec_is_refused(make_guest: MakeGuest, ns: NormalWorld, second_pe: int) -> None:
    """RMI_RTT_SET_RIPAS while the REC runs on another PE."""
    guest = make_guest()
    guest.guest.pe = second_pe
    shared = guest.realm.share_page(guest.realm.unprotected_base)
    spin = guest.guest.start("SPIN_UNTIL", guest.realm.unprotected_base, 1, 1 << 40)
    guest.realm.wait_running(guest.rec)
    result = call(guest)
    ns.poke(shared, 1)
    guest.guest.finish(guest.guest.collect(spin))
    assert result == Fails("rec_state")


def test_base_inside_a_block_asks_for_a_table(guest: GuestRealm) -> None:
    """RMI_RTT_SET_RIPAS from the middle of a level 2 entry (RIPS-21)."""
    guest.realm.tables.ensure(HEAP, 2)
    base = HEAP + GRANULE_BYTES
    ask(guest, base, TOP)
    assert call(guest, base=base) == Fails("base_align", index=2)


def test_top_inside_a_block_asks_for_a_table(guest: GuestRealm) -> None:
    """RMI_RTT_SET_RIPAS changes whole entries only: RMI_ERROR_RTT until tables exist (RIPS-23)."""
    guest.realm.tables.ensure(HEAP, 2)
    ask(guest, HEAP, TOP)
    assert call(guest) == Fails("no_progress", index=2)
    guest.realm.tables.create(HEAP, 3)
    assert call(guest) == Succeeds(out_top=TOP)


def test_without_a_request_every_range_is_refused(guest: GuestRealm) -> None:
    """RMI_RTT_SET_RIPAS on a REC that did not ask for anything."""
    assert call(guest) == Fails("base_bound")


@pytest.mark.parametrize(
    ("condition", "args"),
    [
        ("base_align", (HEAP + 1, TOP, Ripas.RAM)),
        ("top_align", (HEAP, TOP + 1, Ripas.RAM)),
        ("size_valid", (HEAP, HEAP, Ripas.RAM)),
        ("size_valid", (TOP, HEAP, Ripas.RAM)),
        ("rgn_bound", ((1 << 39) - GRANULE_BYTES, (1 << 39) + GRANULE_BYTES, Ripas.RAM)),
        ("rgn_bound", (1 << 39, (1 << 39) + entry_bytes(3), Ripas.EMPTY)),
        ("ripas_valid", (HEAP, TOP, Ripas.DESTROYED)),
        ("ripas_valid", (HEAP, TOP, len(Ripas))),
        ("flags_valid", (HEAP, TOP, Ripas.RAM, RESERVED_FLAG)),
    ],
    ids=[
        "base",
        "top",
        "no-page",
        "reversed",
        "border",
        "unprotected",
        "destroyed",
        "unknown",
        "reserved-flag",
    ],
)
def test_request_that_is_none_returns_to_the_realm(
    guest: GuestRealm, condition: str, args: tuple[int, ...]
) -> None:
    """RSI_IPA_STATE_SET checks its arguments without an exit (IPSS-01..05).

    Whether a reserved flag is refused the table calls uncertain (TF-RMM ignores it).
    """
    assert guest.guest.rsi.call("RSI_IPA_STATE_SET", *args) == Fails(condition)
