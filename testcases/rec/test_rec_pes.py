# SPDX-License-Identifier: BSD-3-Clause
"""As many RECs as PEs, each on its own: started by PSCI, stopped by the host's interrupts."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, IrqExit, NormalWorld
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

SHARED = Ipa(1 << 39)
TICKS_LONG = 1 << 40


@pytest.fixture
def on_each_pe(make_guest: MakeGuest, second_pe: int) -> GuestRealm:
    """A realm with a REC for each of two PEs; REC 0 switched REC 1 on."""
    guest = make_guest(recs=2)
    guest.power_on(1)
    guest.guests[1].pe = second_pe
    return guest


@pytest.mark.usefixtures("busy_boot_pe")
def test_each_rec_runs_on_its_own_pe(on_each_pe: GuestRealm, ns: NormalWorld) -> None:
    """All RECs are inside at once: each waits for what only the host can write (REC-02)."""
    shared = on_each_pe.realm.share_page(SHARED)
    entries = [guest.start("SPIN_UNTIL", SHARED, 1, TICKS_LONG) for guest in on_each_pe.guests]
    ns.write(shared, (1).to_bytes(8, "little"))
    ended = [
        guest.finish(guest.collect(entry))
        for guest, entry in zip(on_each_pe.guests, entries, strict=True)
    ]
    assert [report.value for report in ended] == [1, 1]


@pytest.mark.usefixtures("busy_boot_pe")
def test_interrupts_of_the_host_end_every_entry(on_each_pe: GuestRealm, ns: NormalWorld) -> None:
    """Each PE's own timer interrupts the REC that runs there: IRQ exits (REC-03)."""
    ticks = ns.link.sysreg_read("CNTFRQ_EL0") // 200
    for guest in on_each_pe.guests:
        ns.link.timer(ticks, pe=guest.pe)
    entries = [guest.start("SPIN", TICKS_LONG) for guest in on_each_pe.guests]
    seen = [guest.collect(entry) for guest, entry in zip(on_each_pe.guests, entries, strict=True)]
    for guest in on_each_pe.guests:
        ns.link.timer(0, pe=guest.pe)
    assert [type(one) for one in seen] == [IrqExit, IrqExit]
