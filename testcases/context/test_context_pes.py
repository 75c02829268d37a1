# SPDX-License-Identifier: BSD-3-Clause
"""Several PEs: RECs that run at once, a REC that is RUNNING, and how the host gets it back."""

from __future__ import annotations

import pytest

from harness.link import Pending
from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, IrqExit, NormalWorld
from harness.rmi import Fails, Succeeds
from harness.types import GRANULE_BYTES, Ipa, Pa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
SHARED = Ipa(1 << 39)
TICKS_LONG = 1 << 40
KICK = 5


class Spinning:
    """A realm whose REC 0 spins on the second PE until its shared page says 1."""

    def __init__(self, guest: GuestRealm, ns: NormalWorld, pe: int) -> None:
        self.guest, self.ns, self.pe = guest, ns, pe
        guest.guest.pe = pe
        self.page: Pa = guest.realm.share_page(SHARED)
        self.running: Pending[tuple[int, ...]] = guest.guest.start(
            "SPIN_UNTIL", SHARED, 1, TICKS_LONG
        )
        guest.realm.wait_running(guest.rec)

    def stop(self) -> int:
        """Let it come to its end; what SPIN_UNTIL reports."""
        self.ns.poke(self.page, 1)
        return self.guest.guest.finish(self.guest.guest.collect(self.running)).value

    def kick(self) -> IrqExit:
        """Interrupt the PE, which gives the REC back."""
        self.ns.link.sgi(self.pe, KICK)
        seen = self.guest.guest.collect(self.running)
        assert self.ns.link.irq_ack(pe=self.pe) == KICK
        assert isinstance(seen, IrqExit)
        return seen


@pytest.fixture
def spinning(make_guest: MakeGuest, ns: NormalWorld, second_pe: int) -> Spinning:
    """A realm that runs on the second PE."""
    return Spinning(make_guest(), ns, second_pe)


def test_running_rec_cannot_be_entered_again(spinning: Spinning, ns: NormalWorld) -> None:
    """RMI_REC_ENTER of a REC that another PE runs (state-machines.md 3)."""
    refused = ns.rmi.rec_enter(spinning.guest.rec.pa, ns.page())
    assert spinning.stop() == 1
    assert refused == Fails("rec_state")


def test_refused_entry_leaves_the_run_page(spinning: Spinning, ns: NormalWorld) -> None:
    """A command that fails writes no exit record."""
    other = ns.page(b"\x5a" * GRANULE_BYTES)
    ns.rmi.rec_enter(spinning.guest.rec.pa, other)
    spinning.stop()
    assert ns.read(other, GRANULE_BYTES) == b"\x5a" * GRANULE_BYTES


def test_running_rec_cannot_be_destroyed(spinning: Spinning) -> None:
    """RMI_REC_DESTROY of a REC that runs; it is possible after the REC has left its PE."""
    realm, rec = spinning.guest.realm, spinning.guest.rec
    assert realm.rmi.rec_destroy(rec.pa) == Fails("rec_state")
    spinning.kick()
    realm.recs.remove(rec)
    rec.destroy()


def test_interrupt_from_another_pe_stops_the_realm(spinning: Spinning) -> None:
    """An SGI of the host: IRQ exit on the PE that runs the REC, nothing else in the record."""
    assert spinning.kick().specific() == {}


def test_stopped_realm_goes_on_on_another_pe(spinning: Spinning, ns: NormalWorld) -> None:
    """After an exit any PE may enter the REC."""
    spinning.kick()
    guest = spinning.guest.guest
    guest.pe = 0
    ns.poke(spinning.page, 1)
    assert guest.finish(guest.resume()).value == 1


def test_host_timer_of_the_other_pe_stops_the_realm(
    make_guest: MakeGuest, ns: NormalWorld, second_pe: int
) -> None:
    """An EL2 timer of the PE that runs the REC."""
    guest = make_guest().guest
    guest.pe = second_pe
    ns.link.timer(ns.link.sysreg_read("CNTFRQ_EL0") // 500, pe=second_pe)
    seen = guest.collect(guest.start("SPIN", TICKS_LONG))
    ns.link.timer(0, pe=second_pe)
    assert isinstance(seen, IrqExit)


def test_realm_cannot_be_destroyed_while_a_rec_runs(spinning: Spinning) -> None:
    """RMI_REALM_DESTROY: a REC makes the realm live, all the more a running one."""
    realm = spinning.guest.realm
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")
    assert spinning.stop() == 1


def test_host_works_on_the_realm_while_it_runs(spinning: Spinning) -> None:
    """Other commands do not wait for the REC: tables, data, shared memory."""
    realm = spinning.guest.realm
    realm.map_unknown(HEAP)
    realm.share_page(SHARED + GRANULE_BYTES)
    realm.unmap_data(HEAP)
    assert spinning.stop() == 1


def test_page_shared_while_the_realm_spins_can_be_unmapped(spinning: Spinning) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED reaches the TLB of the PE that runs the REC."""
    realm = spinning.guest.realm
    assert realm.rmi.rtt_unmap_unprotected(realm.rd, SHARED, 3) == Succeeds()
    seen = spinning.guest.guest.collect(spinning.running)
    assert seen.describe().startswith("DataAbort")


def test_two_recs_of_a_realm_see_each_other(make_guest: MakeGuest, second_pe: int) -> None:
    """REC 0 waits on one PE for what REC 1 writes on another, in protected memory."""
    guest = make_guest(activate=False, recs=2)
    guest.realm.map_data(HEAP, b"")
    guest.start()
    second = guest.power_on(1)
    guest.guest.pe = second_pe
    waiting = guest.guest.start("SPIN_UNTIL", HEAP, 0xCCA, TICKS_LONG)
    guest.realm.wait_running(guest.rec)
    assert second.write(HEAP, 0xCCA).ok
    assert guest.guest.finish(guest.guest.collect(waiting)).values[:2] == (1, 0xCCA)


def test_two_realms_run_at_once(make_guest: MakeGuest, spinning: Spinning) -> None:
    """A realm is built, runs and answers while another one runs."""
    other = make_guest()
    assert other.guest.hello().ok
    assert spinning.stop() == 1


def test_simd_registers_of_two_pes_are_kept_apart(make_guest: MakeGuest, second_pe: int) -> None:
    """Two realms on two PEs, each with its own values."""
    one, other = make_guest().guest, make_guest().guest
    other.pe = second_pe
    one.run("FP_SET", 3)
    other.run("FP_SET", 5)
    assert one.run("FP_CHECK", 3).value == 0
    assert other.run("FP_CHECK", 5).value == 0
