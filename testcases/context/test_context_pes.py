# SPDX-License-Identifier: BSD-3-Clause
"""Several PEs: RECs that run at once, a REC that is RUNNING, and how the host gets it back."""

from __future__ import annotations

import pytest

from harness.link import Pending
from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, GuestRealm, IrqExit, NormalWorld, entry_bytes
from harness.rmi import Fails, Ripas, Succeeds
from harness.types import GRANULE_BYTES, Ipa, Pa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
SHARED = Ipa(1 << 39)
BLOCK_BYTES = entry_bytes(2)
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


def test_shared_page_is_unmapped_under_a_running_realm(spinning: Spinning) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED reaches the TLB of the PE that runs the REC."""
    realm = spinning.guest.realm
    assert realm.rmi.rtt_unmap_unprotected(realm.rd, SHARED, 3) == Succeeds()
    assert isinstance(spinning.guest.guest.collect(spinning.running), DataAbort)


def test_table_is_destroyed_under_a_running_realm(spinning: Spinning) -> None:
    """RMI_RTT_DESTROY of a table of shared pages reaches the other PE's TLB."""
    realm = spinning.guest.realm
    table = realm.rmi.rtt_destroy(realm.rd, SHARED, 3).require().rtt
    assert isinstance(spinning.guest.guest.collect(spinning.running), DataAbort)
    realm.world.undelegate(table)


@pytest.fixture
def with_page(make_guest: MakeGuest) -> GuestRealm:
    """A realm with two RECs, both on, and a page at HEAP that is not zero."""
    guest = make_guest(activate=False, recs=2)
    guest.realm.map_data(HEAP, b"\x01")
    guest.start()
    guest.power_on(1)
    return guest


def spin_on_heap(guest: GuestRealm, pe: int, until: int) -> Pending[tuple[int, ...]]:
    """Let REC 0 run on another PE and look at HEAP again and again."""
    guest.guest.pe = pe
    running = guest.guest.start("SPIN_UNTIL", HEAP, until, TICKS_LONG)
    guest.realm.wait_running(guest.rec)
    return running


def test_data_is_destroyed_under_a_running_realm(with_page: GuestRealm, second_pe: int) -> None:
    """RMI_DATA_DESTROY: the page can be given away only when no TLB knows it any more."""
    running = spin_on_heap(with_page, second_pe, until=0)
    with_page.realm.unmap_data(HEAP)
    seen = with_page.guest.collect(running)
    assert isinstance(seen, DataAbort)
    assert seen.ipa == HEAP


def test_memory_is_emptied_under_a_running_rec(with_page: GuestRealm, second_pe: int) -> None:
    """REC 1 gives a page up that REC 0 uses: a SEA there, and its load does not happen."""
    running = spin_on_heap(with_page, second_pe, until=0)
    second = with_page.guests[1]
    top = HEAP + GRANULE_BYTES
    second.submit_smc("RSI_IPA_STATE_SET", HEAP, top, Ripas.EMPTY, 0)
    with_page.realm.tables.set_ripas(second.rec.pa, HEAP, top)
    second.finish_smc("RSI_IPA_STATE_SET").require()
    assert with_page.guest.finish(with_page.guest.collect(running)).is_external_abort


def test_two_recs_see_each_others_writes(with_page: GuestRealm, second_pe: int) -> None:
    """REC 0 waits on one PE for what REC 1 writes on another, in protected memory."""
    running = spin_on_heap(with_page, second_pe, until=0xCCA)
    assert with_page.guests[1].write(HEAP, 0xCCA).ok
    report = with_page.guest.finish(with_page.guest.collect(running))
    assert report.values[:2] == (1, 0xCCA)


def test_block_is_unfolded_under_a_running_realm(
    make_guest: MakeGuest, ns: NormalWorld, second_pe: int
) -> None:
    """RMI_RTT_CREATE over a shared block does not disturb a realm that uses it."""
    guest = make_guest()
    block = ns.page(count=BLOCK_BYTES // GRANULE_BYTES, align_bytes=BLOCK_BYTES)
    guest.realm.tables.map_unprotected(SHARED, block, level=2)
    guest.guest.pe = second_pe
    running = guest.guest.start("SPIN_UNTIL", SHARED, 1, TICKS_LONG)
    guest.realm.wait_running(guest.rec)
    guest.realm.tables.create(SHARED, 3)
    ns.poke(block, 1)
    assert guest.guest.finish(guest.guest.collect(running)).value == 1


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
