# SPDX-License-Identifier: BSD-3-Clause
"""The host's own timer interrupts a realm; counters only go forward."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, IrqExit, NormalWorld
from harness.realm.gic import HYPERVISOR_TIMER_INTID
from harness.rmi import EnterFlags
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

SHARED = Ipa(1 << 39)
TICKS_LONG = 1 << 40
COUNTERS = pytest.mark.parametrize("counter", ["CNTPCT_EL0", "CNTVCT_EL0"])


def millisecond(ns: NormalWorld) -> int:
    return ns.link.sysreg_read("CNTFRQ_EL0") // 1000


def test_host_timer_stops_a_spinning_realm(guest: GuestRealm, ns: NormalWorld) -> None:
    """An EL2 timer of the host: IRQ exit, the interrupt is the host's to take (TIM-03)."""
    shared = guest.realm.share_page(SHARED)
    ns.link.timer(2 * millisecond(ns))
    seen = guest.guest.submit("SPIN_UNTIL", SHARED, 1, TICKS_LONG)
    pending = ns.link.irq_pending()
    ns.link.timer(0)
    assert isinstance(seen, IrqExit)
    assert seen.specific() == {}
    assert pending == HYPERVISOR_TIMER_INTID
    ns.poke(shared, 1)
    assert guest.guest.finish(guest.guest.resume()).value == 1


def test_pending_host_interrupt_exits_at_once_every_time(
    guest: GuestRealm, ns: NormalWorld
) -> None:
    """As long as the host does not take its interrupt, no entry gets past it."""
    with ns.interrupt_pending():
        exits = [guest.guest.resume() for _ in range(3)]
    assert all(isinstance(seen, IrqExit) for seen in exits)


def test_host_timer_ends_the_sleep_of_a_realm(guest: GuestRealm, ns: NormalWorld) -> None:
    """WFI that is not trapped ends with the host's interrupt."""
    guest.guest.run("IRQ_SETUP")
    ns.link.timer(2 * millisecond(ns))
    seen = guest.guest.submit("IRQ_WAIT", TICKS_LONG, 1)
    ns.link.timer(0)
    assert isinstance(seen, IrqExit)


def test_interrupt_that_the_host_masks_does_not_exit(guest: GuestRealm, ns: NormalWorld) -> None:
    """The host's priority mask is kept while a realm runs (exits.md 10)."""
    with ns.interrupt_pending():
        mask = ns.link.sysreg_read("ICC_PMR_EL1")
        ns.link.sysreg_write("ICC_PMR_EL1", 0)
        report = guest.guest.hello()
        ns.link.sysreg_write("ICC_PMR_EL1", mask)
    assert report.ok


def test_host_timer_does_not_show_in_the_realm(guest: GuestRealm, ns: NormalWorld) -> None:
    """The exit record's timers are the realm's, not the host's."""
    with ns.interrupt_pending():
        seen = guest.guest.resume()
    assert [seen.number(name) for name in ("cntp_ctl", "cntv_ctl")] == [0, 0]


def test_counter_goes_forward_within_a_command(guest: GuestRealm) -> None:
    """SPIN of n ticks ends n ticks later or more (TIM-04)."""
    before, after = guest.guest.run("SPIN", 10_000).values[:2]
    assert after - before >= 10_000


@COUNTERS
def test_counter_goes_forward_over_exits(guest: GuestRealm, counter: str) -> None:
    """Each reading is later than the one before (TIM-04)."""
    readings = [guest.guest.read_sysreg(counter).value for _ in range(5)]
    assert readings == sorted(set(readings))


@COUNTERS
def test_counter_goes_forward_over_pes(make_guest: MakeGuest, second_pe: int, counter: str) -> None:
    """A REC that moves to another PE and back sees time go on."""
    guest = make_guest().guest
    readings = []
    for pe in (0, second_pe, 0, second_pe):
        guest.pe = pe
        readings.append(guest.read_sysreg(counter).value)
    assert readings == sorted(set(readings))


def test_physical_counter_is_the_host_counter(guest: GuestRealm, ns: NormalWorld) -> None:
    """The host cannot set an offset: the realm's CNTPCT_EL0 lies between two host readings."""
    before = ns.link.sysreg_read("CNTPCT_EL0")
    inside = guest.guest.read_sysreg("CNTPCT_EL0").value
    assert before < inside < ns.link.sysreg_read("CNTPCT_EL0")


def test_realm_sees_the_counter_frequency(guest: GuestRealm, ns: NormalWorld) -> None:
    """CNTFRQ_EL0 is the same in both worlds."""
    frequency = guest.guest.read_sysreg("CNTFRQ_EL0").value
    assert frequency == ns.link.sysreg_read("CNTFRQ_EL0")


@pytest.mark.parametrize("flags", [EnterFlags.NONE, EnterFlags.TRAP_WFI], ids=["plain", "trap"])
def test_exit_flags_do_not_hide_the_host_interrupt(
    guest: GuestRealm, ns: NormalWorld, flags: EnterFlags
) -> None:
    """An IRQ exit comes before the realm executes anything."""
    with ns.interrupt_pending():
        seen = guest.guest.submit("NOP", flags=flags)
    assert isinstance(seen, IrqExit)
