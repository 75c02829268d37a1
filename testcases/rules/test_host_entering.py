# SPDX-License-Identifier: BSD-3-Clause
"""Hosts that keep, and that break, the rules about RMI_REC_ENTER."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, GuestRealm, PsciExit, Reentry, RipasChangeExit, a64
from harness.rmi import EnterFlags, PsciStatus, Ripas
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
TOP = Ipa(HEAP + GRANULE_BYTES)
DEVICE = Ipa((1 << 39) + 0x0900_0000)
BASE, VALUE = 3, 2
EMULATE = EnterFlags.EMUL_MMIO
HCR = tables().bitfield("ICH_HCR_EL2_permitted")
SET_RIPAS = ("RSI_IPA_STATE_SET", HEAP, TOP, Ripas.RAM, 0)
TICKS_LONG = 1 << 40
SHARED = Ipa(1 << 39)


def asking(guest: GuestRealm) -> GuestRealm:
    """The realm waits for a RIPAS change of one page."""
    guest.realm.tables.ensure(HEAP)
    assert isinstance(guest.guest.submit_smc(*SET_RIPAS), RipasChangeExit)
    return guest


@pytest.mark.host_rules
def test_ripas_answered_kept(guest: GuestRealm) -> None:
    """RMI_RTT_SET_RIPAS, then the REC is entered."""
    asking(guest).realm.tables.set_ripas(guest.rec.pa, HEAP, TOP)
    assert guest.guest.finish_smc(*SET_RIPAS).ok


@pytest.mark.violates("ripas-answered")
def test_ripas_answered_broken(guest: GuestRealm) -> None:
    """The REC is entered as if nothing had been asked."""
    asking(guest)
    assert guest.guest.finish(guest.guest.resume()).ok


def loading(guest: GuestRealm) -> GuestRealm:
    """The realm waits for a byte of a device."""
    word = a64.load(VALUE, BASE, width_bytes=1, signed=False, to_64bit=False)
    assert isinstance(guest.guest.submit_insn(word, [(BASE, DEVICE), (VALUE, 0)]), DataAbort)
    return guest


def finish(guest: GuestRealm, value: int) -> int:
    """Emulate the load; what the realm got."""
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (value,))))
    return report.values[1]


@pytest.mark.host_rules
def test_mmio_answered_kept(guest: GuestRealm) -> None:
    """The load is emulated."""
    assert finish(loading(guest), 0x7F) == 0x7F


@pytest.mark.violates("mmio-answered")
def test_mmio_answered_broken(guest: GuestRealm) -> None:
    """The REC is entered plainly: the same instruction aborts again."""
    again = loading(guest).guest.resume()
    assert isinstance(again, DataAbort)
    assert finish(guest, 0x7F) == 0x7F


@pytest.mark.host_rules
def test_mmio_only_after_abort_kept(guest: GuestRealm) -> None:
    """EMUL_MMIO once, and not with the next command."""
    assert finish(loading(guest), 1) == 1
    assert guest.guest.hello().ok


@pytest.mark.violates("mmio-only-after-abort")
def test_mmio_only_after_abort_broken(guest: GuestRealm) -> None:
    """EMUL_MMIO after a host call."""
    assert not guest.rec.try_enter(flags=EMULATE).ok


@pytest.mark.host_rules
def test_mmio_value_kept(guest: GuestRealm) -> None:
    """A byte for a load of a byte."""
    assert finish(loading(guest), 0xFF) == 0xFF


@pytest.mark.violates("mmio-value")
def test_mmio_value_broken(guest: GuestRealm) -> None:
    """Nine bits for a load of a byte."""
    assert finish(loading(guest), 0x1FF) == 0xFF


@pytest.mark.violates("mmio-value")
def test_mmio_value_broken_by_a_write(guest: GuestRealm) -> None:
    """A value for a store."""
    word = a64.store(VALUE, BASE, width_bytes=1)
    assert isinstance(guest.guest.submit_insn(word, [(BASE, DEVICE), (VALUE, 1)]), DataAbort)
    assert guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (0x5A,)))).ok


@pytest.mark.host_rules
def test_gic_hcr_kept(guest: GuestRealm) -> None:
    """A bit of ICH_HCR_EL2 that hosts may set."""
    seen = guest.guest.submit("HELLO", gicv3_hcr=HCR.bits("UIE").mask)
    assert guest.guest.finish(seen, handler=lambda _exit: None).ok


@pytest.mark.violates("gic-hcr")
def test_gic_hcr_broken(guest: GuestRealm) -> None:
    """A bit that hosts may not set: En."""
    assert not guest.rec.try_enter(gicv3_hcr=1).ok


@pytest.fixture
def spinning(guest: GuestRealm, second_pe: int) -> GuestRealm:
    """A realm whose REC will run on the second PE."""
    guest.guest.pe = second_pe
    return guest


def spin(guest: GuestRealm, *, other_pe: bool) -> int:
    """Let the REC run on its PE until the host writes; enter it on PE 0 meanwhile or after."""
    world = guest.realm.world
    shared = guest.realm.share_page(SHARED)
    running = guest.guest.start("SPIN_UNTIL", SHARED, 1, TICKS_LONG)
    if other_pe:
        guest.realm.wait_running(guest.rec)
        run, guest.rec.run = guest.rec.run, world.page()
        with world.interrupt_pending():  # an RMM that lets the REC in is soon back
            guest.rec.try_enter(pe=0)
        guest.rec.run = run
    world.write(shared, (1).to_bytes(8, "little"))
    return guest.guest.finish(guest.guest.collect(running)).value


@pytest.mark.host_rules
def test_one_pe_kept(spinning: GuestRealm) -> None:
    """First on the second PE, then on PE 0."""
    assert spin(spinning, other_pe=False) == 1
    spinning.guest.pe = 0
    assert spinning.guest.hello().ok


@pytest.mark.violates("one-pe")
def test_one_pe_broken(spinning: GuestRealm) -> None:
    """On PE 0 while it runs on the second PE."""
    assert spin(spinning, other_pe=True) == 1


def switching_on(make_guest: MakeGuest) -> GuestRealm:
    """REC 0 waits for its PSCI CPU_ON of REC 1."""
    guest = make_guest(recs=2)
    call = ("PSCI_CPU_ON", 1, guest.image.secondary_entry, 0)
    assert isinstance(guest.guest.submit_smc(*call), PsciExit)
    return guest


def complete(guest: GuestRealm) -> bool:
    """RMI_PSCI_COMPLETE, then both RECs run."""
    recs = guest.realm.recs
    guest.realm.rmi.psci_complete(recs[0].pa, recs[1].pa, PsciStatus.SUCCESS).require()
    return all([guest.guest.finish(guest.guest.resume()).ok, guest.guests[1].boot().ok])


@pytest.mark.host_rules
def test_psci_completed_kept(make_guest: MakeGuest) -> None:
    """RMI_PSCI_COMPLETE, then the RECs are entered."""
    assert complete(switching_on(make_guest))


@pytest.mark.violates("psci-completed")
def test_psci_completed_broken(make_guest: MakeGuest) -> None:
    """The target is entered before."""
    guest = switching_on(make_guest)
    assert not guest.realm.recs[1].try_enter().ok
    assert complete(guest)
