# SPDX-License-Identifier: BSD-3-Clause
"""A RIPAS change on one PE while another PE unmaps the same memory."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.link import Program, Step
from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, NormalWorld, RipasChangeExit
from harness.rmi import Ripas, RttState
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
PAGES = 64
TOP = Ipa(HEAP + PAGES * GRANULE_BYTES)
CHANGE_DESTROYED = tables().bitfield("RsiRipasChangeFlags").bits("CHANGE_DESTROYED").mask


@pytest.fixture
def asking(make_guest: MakeGuest) -> GuestRealm:
    """A realm with data on all of its heap that asks for EMPTY there."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, TOP)
    for ipa in range(HEAP, TOP, GRANULE_BYTES):
        guest.realm.map_unknown(ipa)
    guest.start()
    seen = guest.guest.submit_smc("RSI_IPA_STATE_SET", HEAP, TOP, Ripas.EMPTY, CHANGE_DESTROYED)
    assert isinstance(seen, RipasChangeExit)
    return guest


def commands(guest: GuestRealm) -> list[Step]:
    """RMI_RTT_SET_RIPAS page after page, and RMI_DATA_DESTROY page after page."""
    fids = [tables().command(name).fid for name in ("RMI_RTT_SET_RIPAS", "RMI_DATA_DESTROY")]
    rd, rec = guest.realm.rd, guest.rec.pa
    page = GRANULE_BYTES
    return [
        Step(fids[0], (rd, rec, HEAP, HEAP + page), strides=(0, 0, page, page)),
        Step(fids[1], (rd, HEAP), strides=(0, page)),
    ]


def test_set_ripas_races_with_unmapping(
    asking: GuestRealm, ns: NormalWorld, second_pe: int
) -> None:
    """Whichever is first at a page, it ends up without data and EMPTY; none fails (RIP-10)."""
    tables_of, barrier = asking.realm.tables, ns.page()
    data = [tables_of.entry(ipa).desc for ipa in range(HEAP, TOP, GRANULE_BYTES)]
    started = [
        ns.link.start_program(
            Program([step], ns.page(), repeat=PAGES, barrier=barrier, barrier_count=2), pe=pe
        )
        # The second PE first: PE 0 may have to write the other program.
        for pe, step in zip((second_pe, 0), commands(asking), strict=True)
    ]
    applied, unmapped = [pending.wait() for pending in started]
    assert (applied.failed, unmapped.failed) == (0, 0)
    after = [tables_of.entry(ipa) for ipa in range(HEAP, TOP, GRANULE_BYTES)]
    assert {(entry.state, entry.ripas) for entry in after} == {(RttState.UNASSIGNED, Ripas.EMPTY)}
    for granule in data:
        ns.undelegate(granule)
