# SPDX-License-Identifier: BSD-3-Clause
"""Which list registers and gicv3_hcr values RMI_REC_ENTER takes, and maintenance interrupts."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.realm import GuestRealm, IrqExit, NormalWorld, Report, a64
from harness.realm.gic import EOI_COUNT, HCR, LR, MAINTENANCE_INTID, MISR, LrState, list_register
from harness.realm.sysregs import ENCODINGS
from harness.rmi import Fails, Succeeds

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HW = LR.bits("HW").mask
LISTS = tables().bitfield("RmiFeatureRegister0").bits("GICV3_NUM_LRS")
RESERVED_HCR_BITS = [bit for bit in range(64) if not (HCR.mask or 0) >> bit & 1]
STATES = [state for state in LrState if state is not LrState.INVALID]
NAMES = [bits.name for bits in HCR.fields]
FORBIDDEN = {
    "hw": list_register(40) | HW,
    "pintid": list_register(40, pINTID=1),
    "pintid-with-eoi": list_register(40, EOI=1) | LR.bits("pINTID").put(0x1000),
    "res0-above-priority": list_register(40, RES0=1),
    "res0-below-priority": list_register(40) | 1 << 45,
    "unimplemented-priority": list_register(40, priority=0xA1),
    "special-intid": list_register(1020),
    "spurious-intid": list_register(1023),
    "intid-between-ranges": list_register(8191),
}
ALLOWED = {
    "eoi": list_register(40, EOI=1),
    "group-0": list_register(40) & ~LR.bits("Group").mask,
    "first-intid": list_register(0),
    "last-spi": list_register(1019),
    "first-lpi": list_register(8192),
    "lpi-of-25-bits": list_register(1 << 24),
    "last-lpi": list_register(0xFFFF_FFFF),
    "inactive-with-hw": list_register(40, LrState.INVALID) | HW,
    "inactive-with-bad-intid": list_register(1023, LrState.INVALID),
}


@pytest.mark.parametrize("state", STATES, ids=[s.name.lower() for s in STATES])
def test_hardware_interrupt_is_refused(guest: GuestRealm, state: LrState) -> None:
    """HW = 1 in any list register that is not empty: RMI_ERROR_REC (GIC-01)."""
    assert guest.rec.try_enter(gicv3_lrs=[list_register(40, state) | HW]) == Fails("rec_gicv3")


@pytest.mark.parametrize("word", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_bad_list_register_is_refused_and_the_realm_not_run(guest: GuestRealm, word: int) -> None:
    """A list register that breaks a rule: RMI_ERROR_REC, and a good entry goes on after it."""
    assert guest.rec.try_enter(gicv3_lrs=[word]) == Fails("rec_gicv3")
    assert guest.guest.hello().ok


@pytest.mark.parametrize("word", ALLOWED.values(), ids=ALLOWED.keys())
def test_good_list_register_is_taken(guest: GuestRealm, word: int) -> None:
    """The twin: what the rules allow is accepted."""
    assert Report.of(guest.guest.submit("NOP", gicv3_lrs=[word])).ok


def test_same_interrupt_twice_is_refused(guest: GuestRealm) -> None:
    """Two valid list registers may not name one virtual interrupt."""
    lrs = [list_register(40), list_register(41), list_register(40, LrState.ACTIVE)]
    assert guest.rec.try_enter(gicv3_lrs=lrs) == Fails("rec_gicv3")


def test_same_interrupt_in_an_empty_list_register_is_taken(guest: GuestRealm) -> None:
    """A list register with state 0 is ignored, whatever it names."""
    lrs = [list_register(40), list_register(40, LrState.INVALID)]
    assert Report.of(guest.guest.submit("NOP", gicv3_lrs=lrs)).ok


def test_last_list_register_is_checked(guest: GuestRealm) -> None:
    """GICV3_NUM_LRS + 1 registers are used (feature register 0)."""
    last = LISTS.get(guest.realm.world.features)
    lrs = [*[0] * last, list_register(40) | HW]
    assert guest.rec.try_enter(gicv3_lrs=lrs) == Fails("rec_gicv3")


def test_list_registers_behind_the_last_are_ignored(guest: GuestRealm) -> None:
    """Registers that the machine does not have are neither checked nor reported."""
    count = LISTS.get(guest.realm.world.features) + 1
    if count == 16:
        pytest.skip("not on this stack: all 16 list registers exist")
    seen = guest.guest.submit("NOP", gicv3_lrs=[*[0] * count, list_register(40) | HW])
    assert Report.of(seen).ok
    assert not any(seen.lrs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("interrupt_exits")
def test_permitted_hcr_bit_is_taken(guest: GuestRealm, name: str) -> None:
    """Each bit that a host may set is accepted (GIC-02)."""
    assert guest.rec.try_enter(gicv3_hcr=HCR.bits(name).mask) == Succeeds()


@pytest.mark.parametrize("name", ["UIE", "TDIR"])
@pytest.mark.usefixtures("interrupt_exits")
def test_permitted_hcr_bit_is_reported(guest: GuestRealm, name: str) -> None:
    """exit.gicv3_hcr has the host's bits; En, the RMM's own, is hidden (GIC-08)."""
    mask = HCR.bits(name).mask
    assert guest.rec.enter(gicv3_hcr=mask).number("gicv3_hcr") == mask


def test_reserved_hcr_bits_are_refused(guest: GuestRealm) -> None:
    """Every other bit of gicv3_hcr, En included: RMI_ERROR_REC (GIC-02)."""
    taken = [b for b in RESERVED_HCR_BITS if guest.rec.try_enter(gicv3_hcr=1 << b).ok]
    assert taken == []
    assert guest.rec.try_enter(gicv3_hcr=1) == Fails("rec_gicv3")


def test_gic_is_checked_after_realm_state(guest: GuestRealm) -> None:
    """RMI_ERROR_REALM comes before RMI_ERROR_REC for a bad gicv3_hcr."""
    guest.guest.submit_smc("PSCI_SYSTEM_OFF")
    assert guest.rec.try_enter(gicv3_hcr=1) == Fails("system_off")


@pytest.mark.parametrize(
    ("enable", "status"),
    [("UIE", "U"), ("NPIE", "NP"), ("VGrp0DIE", "VGrp0D"), ("VGrp1DIE", "VGrp1D")],
)
@pytest.mark.usefixtures("interrupt_exits")
def test_maintenance_condition_interrupts_the_host(
    guest: GuestRealm, ns: NormalWorld, enable: str, status: str
) -> None:
    """A condition that holds at entry: an IRQ exit, misr says which (GIC-04, GIC-06).

    The payload has not set up its CPU interface, so both groups are disabled.
    """
    seen = guest.guest.submit("SPIN", 1 << 34, gicv3_hcr=HCR.bits(enable).mask)
    assert isinstance(seen, IrqExit)
    assert seen.number("gicv3_misr") & MISR.bits(status).mask
    assert ns.link.irq_pending() in (None, MAINTENANCE_INTID)


@pytest.mark.usefixtures("interrupt_exits")
def test_group_enable_maintenance(guest: GuestRealm) -> None:
    """VGrp1EIE: the host is told when the realm enables group 1."""
    hcr = HCR.bits("VGrp1EIE").mask
    seen = guest.guest.submit("IRQ_SETUP", gicv3_hcr=hcr)
    assert isinstance(seen, IrqExit)
    assert seen.number("gicv3_misr") & MISR.bits("VGrp1E").mask


@pytest.mark.usefixtures("interrupt_exits")
def test_end_of_interrupt_maintenance(guest: GuestRealm) -> None:
    """EOI in a list register: the host is told when the realm ends the interrupt."""
    guest.guest.run("IRQ_SETUP")
    lrs = [list_register(40, EOI=1)]
    seen = guest.guest.submit("IRQ_WAIT", 1 << 34, gicv3_lrs=lrs)
    assert isinstance(seen, IrqExit)
    assert seen.number("gicv3_misr") & MISR.bits("EOI").mask


@pytest.mark.usefixtures("interrupt_exits")
def test_end_of_interrupt_not_listed_maintenance(guest: GuestRealm) -> None:
    """LRENPIE: the host is told that an interrupt in no list register ended (GIC-05)."""
    guest.guest.run("IRQ_SETUP")
    iar = a64.mrs(0, *ENCODINGS["ICC_IAR1_EL1"])
    guest.guest.submit_insn(iar, [(0, 0)], gicv3_lrs=[list_register(40)])
    eoir = a64.msr(0, *ENCODINGS["ICC_EOIR1_EL1"])
    hcr = HCR.bits("LRENPIE").mask
    seen = guest.guest.submit_insn(eoir, [(0, 40)], gicv3_hcr=hcr)
    assert isinstance(seen, IrqExit)
    assert seen.number("gicv3_misr") & MISR.bits("LRENP").mask


def test_end_of_interrupts_not_listed_is_counted(guest: GuestRealm) -> None:
    """EOIcount: an active interrupt that is in no list register ends (GIC-08)."""
    guest.guest.run("IRQ_SETUP")
    iar = a64.mrs(0, *ENCODINGS["ICC_IAR1_EL1"])
    guest.guest.submit_insn(iar, [(0, 0)], gicv3_lrs=[list_register(40)])
    eoir = a64.msr(0, *ENCODINGS["ICC_EOIR1_EL1"])
    seen = guest.guest.submit_insn(eoir, [(0, 40)])
    assert EOI_COUNT.get(seen.number("gicv3_hcr")) == 1
