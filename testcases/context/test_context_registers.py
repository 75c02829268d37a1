# SPDX-License-Identifier: BSD-3-Clause
"""Registers belong to one side: host, realm and other realm do not see or change each other's."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import (
    DataAbort,
    GuestRealm,
    IrqExit,
    NormalWorld,
    PsciExit,
    Realm,
    Reentry,
    a64,
)
from harness.realm.state import add_code
from harness.realm.sysregs import ENCODINGS
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
FP_PATTERN = bytes(n * 7 & 0xFF for n in range(512))
SEED_ONE, SEED_OTHER = 0x0123_4567_89AB_CDEF, 0x1122_3344_5566_7788
GARBAGE = tuple(0xBAD0_0000 + n for n in range(31))

HOST_REGISTERS = {
    "TPIDR_EL0": 0x1111_2222_3333_4444,
    "TPIDRRO_EL0": 0x2222_3333_4444_5555,
    "TPIDR_EL1": 0x3333_4444_5555_6666,
    "VBAR_EL1": 0x0000_7777_6666_5800,
    "TTBR0_EL1": 0x0012_0000_8765_4000,
    "TTBR1_EL1": 0x0034_0000_7654_3000,
    "TCR_EL1": 0x0000_0005_B519_3519,
    "MAIR_EL1": 0x0004_FF44_00FF_0404,
    "SP_EL0": 0x5555_6666_7777_8880,
    "SP_EL1": 0x6666_7777_8888_9990,
    "ELR_EL1": 0x7777_8888_9999_AAA0,
    "SPSR_EL1": 0x6000_03C5,
    "CONTEXTIDR_EL1": 0x89AB_CDEF,
    "CNTKCTL_EL1": 0x3,
    "SCTLR_EL1": 0x30D0_1804,
    "VTTBR_EL2": 0x00CC_0000_8888_0000,
    "ICC_PMR_EL1": 0xA0,
    "FPCR": 0x0080_0000,
    "FPSR": 0x0800_001F,
    "ICH_VMCR_EL2": 0xA000_0002,
    "ICH_LR0_EL2": 0x50A0_0000_0000_0028,
}
REALM_REGISTERS = {
    "TPIDR_EL0": 0x9999_8888_7777_6666,
    "TPIDRRO_EL0": 0x8888_7777_6666_5555,
    "CONTEXTIDR_EL1": 0x1234_5678,
    "PAR_EL1": 0x0000_0001_2345_6000,
    "APIAKEYLO_EL1": 0x0BAD_CAFE_0BAD_CAFE,
    "APIBKEYHI_EL1": 0x1BAD_CAFE_0BAD_CAFE,
    "APDAKEYLO_EL1": 0x2BAD_CAFE_0BAD_CAFE,
    "APDBKEYHI_EL1": 0x3BAD_CAFE_0BAD_CAFE,
    "APGAKEYLO_EL1": 0x4BAD_CAFE_0BAD_CAFE,
    "FPCR": 0x0040_0000,
    "FPSR": 0x0800_0010,
}


@pytest.mark.parametrize("name", HOST_REGISTERS)
def test_host_register_is_kept_over_an_entry(guest: GuestRealm, ns: NormalWorld, name: str) -> None:
    """What the host has in a system register it finds there after RMI_REC_ENTER (CPU-17)."""
    before = ns.link.sysreg_read(name)
    ns.link.sysreg_write(name, HOST_REGISTERS[name])
    written = ns.link.sysreg_read(name)
    guest.guest.run("FP_SET", SEED_ONE)
    guest.guest.run("IRQ_SETUP")
    after = ns.link.sysreg_read(name)
    ns.link.sysreg_write(name, before)
    assert after == written
    assert written != before


@pytest.mark.parametrize("name", REALM_REGISTERS)
def test_realm_register_is_kept_over_exits(make_guest: MakeGuest, name: str) -> None:
    """Each realm finds its own value, whatever the other and the host have (CPU-11)."""
    one, other = make_guest(), make_guest()
    value = REALM_REGISTERS[name]
    assert one.guest.write_sysreg(name, value).ok
    kept = one.guest.read_sysreg(name).value
    assert other.guest.read_sysreg(name).value != kept
    assert other.guest.write_sysreg(name, 0).ok
    assert one.guest.read_sysreg(name).value == kept


@pytest.mark.parametrize("name", ["TPIDR_EL0", "TPIDRRO_EL0", "FPCR"])
def test_realm_does_not_see_the_host_register(
    guest: GuestRealm, ns: NormalWorld, name: str
) -> None:
    """A new REC starts with registers of its own."""
    before = ns.link.sysreg_read(name)
    ns.link.sysreg_write(name, HOST_REGISTERS[name])
    inside = guest.guest.read_sysreg(name).value
    ns.link.sysreg_write(name, before)
    assert inside == 0


def test_simd_registers_of_the_host_are_kept(guest: GuestRealm, ns: NormalWorld) -> None:
    """v0..v31 of the host survive a realm that fills its own (CPU-09)."""
    ns.link.fp_set(FP_PATTERN)
    guest.guest.run("FP_SET", SEED_ONE)
    assert ns.link.fp_get() == FP_PATTERN


def test_simd_registers_of_a_realm_are_kept(guest: GuestRealm, ns: NormalWorld) -> None:
    """v0..v31 of the realm survive a host that fills its own."""
    guest.guest.run("FP_SET", SEED_ONE)
    ns.link.fp_set(FP_PATTERN)
    assert guest.guest.run("FP_CHECK", SEED_ONE).value == 0


def test_simd_registers_of_two_realms_are_kept_apart(make_guest: MakeGuest) -> None:
    """Two realms on one PE in turn (CPU-08)."""
    one, other = make_guest(), make_guest()
    one.guest.run("FP_SET", SEED_ONE)
    other.guest.run("FP_SET", SEED_OTHER)
    assert one.guest.run("FP_CHECK", SEED_ONE).value == 0
    assert other.guest.run("FP_CHECK", SEED_OTHER).value == 0


def test_simd_registers_are_not_leaked_into_a_new_realm(
    make_guest: MakeGuest, ns: NormalWorld
) -> None:
    """A realm that never set them sees neither the host's nor another realm's."""
    ns.link.fp_set(FP_PATTERN)
    make_guest().guest.run("FP_SET", SEED_ONE)
    assert make_guest().guest.run("FP_CHECK", 0).value == 0


def test_simd_registers_follow_the_rec_to_another_pe(guest: GuestRealm, second_pe: int) -> None:
    """The context is the REC's, not the PE's."""
    guest.guest.run("FP_SET", SEED_ONE)
    guest.guest.pe = second_pe
    assert guest.guest.run("FP_CHECK", SEED_ONE).value == 0


@pytest.fixture
def at_abort(make_guest: MakeGuest) -> GuestRealm:
    """A realm stopped at a load from RAM that is not there: X3 = HEAP, X4 to be loaded."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.start()
    load = a64.load(4, 3, width_bytes=8)
    assert isinstance(guest.guest.submit_insn(load, [(3, HEAP), (4, 1)]), DataAbort)
    return guest


def test_host_does_not_see_realm_registers(at_abort: GuestRealm) -> None:
    """X0..X30 of the realm are not in the exit record."""
    assert not any(at_abort.rec.last_exit().gprs)


def test_host_cannot_change_realm_registers(at_abort: GuestRealm) -> None:
    """enter.gprs without a reason to use them are ignored: only the load's target changes."""
    at_abort.realm.map_unknown(HEAP)
    report = at_abort.guest.finish(at_abort.guest.resume(Reentry(gprs=GARBAGE)))
    assert report.values[1] == 0
    assert report.values[3] == 1 << 4


def test_registers_survive_an_interrupt_of_the_host(guest: GuestRealm, ns: NormalWorld) -> None:
    """An IRQ exit at any instruction leaves no trace in the realm's registers."""
    with ns.interrupt_pending():
        seen = guest.guest.submit_insn(a64.NOP)
    assert isinstance(seen, IrqExit)
    report = guest.guest.finish(seen, handler=lambda _: Reentry(gprs=GARBAGE))
    assert report.ok
    assert report.values[3] == 0


def test_registers_of_two_realms_are_kept_apart(
    make_guest: MakeGuest, at_abort: GuestRealm
) -> None:
    """Another realm runs between the exit and the next entry."""
    assert make_guest().guest.hello().ok
    at_abort.realm.map_unknown(HEAP)
    report = at_abort.guest.finish(at_abort.guest.resume())
    assert report.values[3] == 1 << 4


def test_command_registers_come_through_unchanged(guest: GuestRealm) -> None:
    """A host call carries all its registers in both directions."""
    words = [0x0101_0101_0101_0101 * n for n in range(1, 17)]
    assert guest.guest.run("NOP", *words).values[:16] == tuple(words)


def test_pstate_is_kept_over_an_exit(realm: Realm) -> None:
    """PSTATE.DIT is on after an exit as the realm left it (CPU-12)."""
    dit, device = 1 << 24, realm.unprotected_base
    rec = add_code(
        realm,
        [
            *a64.mov(1, dit),
            a64.msr(1, *ENCODINGS["DIT"]),
            *a64.mov(0, tables().command("PSCI_CPU_SUSPEND").fid),
            a64.smc(),
            a64.mrs(2, *ENCODINGS["DIT"]),
            *a64.mov(3, device),
            a64.store(2, 3, width_bytes=8),
        ],
    )
    realm.activate()
    assert isinstance(rec.enter(), PsciExit)
    seen = rec.enter()
    assert isinstance(seen, DataAbort)
    assert seen.gprs[0] == dit
