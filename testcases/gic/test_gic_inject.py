# SPDX-License-Identifier: BSD-3-Clause
"""Virtual interrupts through the list registers of REC_ENTER, and what the exit shows of them."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.realm import Exit, GuestRealm, HostCallExit, Reentry, Report, SysregExit, a64
from harness.realm.gic import HCR, VMCR, LrState, list_register, lr_state
from harness.realm.sysregs import ENCODINGS

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

TICKS_LONG = 1 << 34
INTIDS = pytest.mark.parametrize("intid", [3, 20, 40, 8192], ids=["sgi", "ppi", "spi", "lpi"])
LISTS = tables().bitfield("RmiFeatureRegister0").bits("GICV3_NUM_LRS")


@pytest.fixture
def listening(guest: GuestRealm) -> GuestRealm:
    """A realm whose CPU interface is on, interrupts still masked."""
    assert guest.guest.run("IRQ_SETUP").ok
    return guest


def read(guest: GuestRealm, name: str, *lrs: int) -> tuple[int, Exit]:
    """Read a GIC register in the realm with list registers loaded: value, exit after it."""
    seen = guest.guest.submit_insn(a64.mrs(0, *ENCODINGS[name]), [(0, 0)], gicv3_lrs=lrs)
    return Report.of(seen).value, seen


def write(
    guest: GuestRealm, name: str, value: int, *, hcr: int = 0, lrs: tuple[int, ...] = ()
) -> Exit:
    """Write a GIC register in the realm with list registers loaded: the next exit."""
    word = a64.msr(0, *ENCODINGS[name])
    return guest.guest.submit_insn(word, [(0, value)], gicv3_hcr=hcr, gicv3_lrs=lrs)


@INTIDS
def test_realm_takes_the_interrupt_in_a_list_register(listening: GuestRealm, intid: int) -> None:
    """A pending list register interrupts the realm, which sees its number (GIC-03)."""
    waiting = listening.guest.submit("IRQ_WAIT", TICKS_LONG, gicv3_lrs=[list_register(intid)])
    report = Report.of(waiting)
    assert (report.value, report.values[1]) == (1, intid)
    assert lr_state(waiting.lrs[0]) is LrState.INVALID


def test_pending_interrupt_stays_pending_while_masked(listening: GuestRealm) -> None:
    """The realm has PSTATE.I set: the exit shows the list register as it was (GIC-03)."""
    word = list_register(40)
    seen = listening.guest.submit("NOP", gicv3_lrs=[word])
    assert Report.of(seen).irqs == 0
    assert seen.lrs == (word, *[0] * 15)


def test_interrupt_goes_from_pending_to_active_to_inactive(listening: GuestRealm) -> None:
    """Acknowledge and end of interrupt show in the exit's list register (GIC-03)."""
    intid, seen = read(listening, "ICC_IAR1_EL1", list_register(40))
    assert (intid, lr_state(seen.lrs[0])) == (40, LrState.ACTIVE)
    seen = write(listening, "ICC_EOIR1_EL1", intid, lrs=seen.lrs)
    assert lr_state(seen.lrs[0]) is LrState.INVALID


def test_interrupt_that_comes_again_is_pending_and_active(listening: GuestRealm) -> None:
    """PENDING_ACTIVE in, PENDING out after the end of interrupt (GIC-12)."""
    intid, seen = read(listening, "ICC_IAR1_EL1", list_register(40))
    again = list_register(40, LrState.PENDING_ACTIVE)
    seen = write(listening, "ICC_EOIR1_EL1", intid, lrs=(again,))
    assert lr_state(seen.lrs[0]) is LrState.PENDING


def test_highest_priority_comes_first(listening: GuestRealm) -> None:
    """Two pending interrupts: the one with the lower priority value is acknowledged."""
    lrs = (list_register(40, priority=0xA0), list_register(41, priority=0x80))
    intid, seen = read(listening, "ICC_IAR1_EL1", *lrs)
    assert intid == 41
    assert [lr_state(word) for word in seen.lrs[:2]] == [LrState.PENDING, LrState.ACTIVE]


def test_every_list_register_works(listening: GuestRealm) -> None:
    """As many interrupts as feature register 0 has list registers are taken."""
    count = LISTS.get(listening.realm.world.features) + 1
    lrs: tuple[int, ...] = tuple(list_register(40 + n) for n in range(count))
    taken = set()
    for _ in range(count):
        intid, seen = read(listening, "ICC_IAR1_EL1", *lrs)
        seen = write(listening, "ICC_EOIR1_EL1", intid, lrs=seen.lrs)
        taken.add(intid)
        lrs = seen.lrs
    assert taken == {40 + n for n in range(count)}


def test_interrupts_are_counted_one_by_one(listening: GuestRealm) -> None:
    """Two list registers, two interrupts taken."""
    lrs = [list_register(40), list_register(41)]
    seen = listening.guest.submit("IRQ_WAIT", TICKS_LONG, gicv3_lrs=lrs)
    report = Report.of(seen)
    while report.values[2] < 2:
        seen = listening.guest.submit("IRQ_WAIT", TICKS_LONG, gicv3_lrs=seen.lrs)
        report = Report.of(seen)
    assert report.values[2] == 2
    assert {lr_state(word) for word in seen.lrs} == {LrState.INVALID}


def test_without_a_list_register_nothing_is_taken(listening: GuestRealm) -> None:
    """The twin: no interrupt comes by itself."""
    report = listening.guest.run("IRQ_WAIT", 10_000)
    assert report.value == 0
    assert report.irqs == 0


def test_vmcr_shows_the_priority_mask(guest: GuestRealm) -> None:
    """exit.gicv3_vmcr follows ICC_PMR_EL1 of the realm (GIC-09)."""
    seen = write(guest, "ICC_PMR_EL1", 0x80)
    assert VMCR.bits("VPMR").get(seen.number("gicv3_vmcr")) == 0x80
    assert guest.guest.read_sysreg("ICC_PMR_EL1").value == 0x80


@pytest.mark.parametrize("enable", [0, 1], ids=["off", "on"])
def test_vmcr_shows_group_enable(guest: GuestRealm, enable: int) -> None:
    """exit.gicv3_vmcr follows ICC_IGRPEN1_EL1 of the realm (GIC-09)."""
    seen = write(guest, "ICC_IGRPEN1_EL1", enable)
    assert VMCR.bits("VENG1").get(seen.number("gicv3_vmcr")) == enable


def test_vmcr_shows_the_binary_point(guest: GuestRealm) -> None:
    """exit.gicv3_vmcr follows ICC_BPR1_EL1 of the realm (GIC-09)."""
    seen = write(guest, "ICC_BPR1_EL1", 5)
    assert VMCR.bits("VBPR1").get(seen.number("gicv3_vmcr")) == 5


@pytest.mark.parametrize("register", ["ICC_SGI1R_EL1", "ICC_SGI0R_EL1"], ids=["group-1", "group-0"])
def test_sgi_exits_with_its_value(guest: GuestRealm, register: str) -> None:
    """A write to an SGI register exits as a system register access; PC is behind it (GIC-10,
    EXIT-12)."""
    value = 3 << 24 | 1
    seen = write(guest, register, value)
    assert isinstance(seen, SysregExit)
    assert not seen.is_read
    assert seen.register == ENCODINGS[register]
    assert seen.gprs[0] == value
    report = guest.guest.finish(guest.guest.resume(Reentry(gprs=(99,))))
    assert report.ok
    assert report.values[3] == 0


def test_sgi_exit_shows_nothing_else(guest: GuestRealm) -> None:
    """esr and gprs[0] only; esr does not tell which register was used."""
    word = a64.msr(17, *ENCODINGS["ICC_SGI1R_EL1"])
    seen = guest.guest.submit_insn(word, [(17, 5)])
    assert isinstance(seen, SysregExit)
    assert set(seen.specific()) == {"esr", "gprs"}
    assert not any(seen.gprs[1:])
    assert seen.esr >> 5 & 0x1F == 0


def test_deactivation_exits_when_the_host_traps_it(listening: GuestRealm) -> None:
    """TDIR: a write to ICC_DIR_EL1 exits with the interrupt number (GIC-07)."""
    seen = write(listening, "ICC_DIR_EL1", 40, hcr=HCR.bits("TDIR").mask)
    assert isinstance(seen, SysregExit)
    assert seen.register == ENCODINGS["ICC_DIR_EL1"]
    assert seen.gprs[0] == 40


def test_deactivation_does_not_exit_otherwise(listening: GuestRealm) -> None:
    """The twin: without TDIR the virtual CPU interface does it."""
    assert isinstance(write(listening, "ICC_DIR_EL1", 40), HostCallExit)
