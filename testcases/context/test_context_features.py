# SPDX-License-Identifier: BSD-3-Clause
"""What the CPU offers a realm: ID registers, features that are hidden, WFI and WFE."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, HostCallExit, IrqExit, NormalWorld, Report, WfxExit, a64
from harness.realm.sysregs import ENCODINGS
from harness.rmi import EnterFlags

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HIDDEN = {
    "sve": ("ID_AA64PFR0_EL1", 32),
    "sme": ("ID_AA64PFR1_EL1", 24),
    "pmu": ("ID_AA64DFR0_EL1", 8),
    "mpam": ("ID_AA64PFR0_EL1", 40),
    "mpam-fraction": ("ID_AA64PFR1_EL1", 16),
    "activity-monitors": ("ID_AA64PFR0_EL1", 44),
    "rme": ("ID_AA64PFR0_EL1", 52),
    "el2": ("ID_AA64PFR0_EL1", 8),
    "el3": ("ID_AA64PFR0_EL1", 12),
    "spe": ("ID_AA64DFR0_EL1", 32),
    "trace-buffer": ("ID_AA64DFR0_EL1", 44),
    "branch-records": ("ID_AA64DFR0_EL1", 52),
    "lpa2-stage-2": ("ID_AA64MMFR0_EL1", 40),
}
OFFERED = {
    "floating-point": ("ID_AA64PFR0_EL1", 16, 0xF),
    "simd": ("ID_AA64PFR0_EL1", 20, 0xF),
    "aarch64-el1": ("ID_AA64PFR0_EL1", 4, 0),
    "gic": ("ID_AA64PFR0_EL1", 24, 0),
}
BREAKPOINTS, WATCHPOINTS = 12, 20
UNDEFINED = ["ZCR_EL1", "SMCR_EL1", "SVCR", "PMCR_EL0", "PMCCNTR_EL0", "PMSCR_EL1"]
UNDEFINED += ["TRBLIMITR_EL1", "MPAM1_EL1", "AMCR_EL0", "HCR_EL2", "SCR_EL3"]
ALL_FEATURES = 3 << 24 | 3 << 20 | 3 << 16
"""CPACR_EL1 without a trap of EL1 itself: SMEN, FPEN, ZEN."""


def field(guest: GuestRealm, register: str, low_bit: int) -> int:
    """A four-bit field of an ID register as the realm reads it."""
    report = guest.guest.read_sysreg(register)
    assert report.ok
    return report.value >> low_bit & 0xF


@pytest.mark.parametrize(("register", "low_bit"), HIDDEN.values(), ids=HIDDEN.keys())
def test_feature_is_hidden(guest: GuestRealm, register: str, low_bit: int) -> None:
    """An ID register says that the feature is not there (CPU-05, CPU-10, CPU-14)."""
    assert field(guest, register, low_bit) == 0


@pytest.mark.parametrize("register", ["ID_AA64ZFR0_EL1", "ID_AA64SMFR0_EL1"])
def test_register_of_a_hidden_feature_reads_zero(guest: GuestRealm, register: str) -> None:
    """Detail registers of SVE and SME are zero."""
    assert guest.guest.read_sysreg(register).value == 0


@pytest.mark.parametrize(("register", "low_bit", "absent"), OFFERED.values(), ids=OFFERED.keys())
def test_feature_is_offered(guest: GuestRealm, register: str, low_bit: int, absent: int) -> None:
    """The twin: what a realm may use is not hidden."""
    assert field(guest, register, low_bit) != absent


@pytest.mark.parametrize("count", [1, 3])
def test_breakpoints_are_as_the_realm_was_created(make_guest: MakeGuest, count: int) -> None:
    """ID_AA64DFR0_EL1.BRPs and WRPs follow num_bps and num_wps (CPU-16)."""
    guest = make_guest(num_bps=count, num_wps=count)
    assert field(guest, "ID_AA64DFR0_EL1", BREAKPOINTS) == count
    assert field(guest, "ID_AA64DFR0_EL1", WATCHPOINTS) == count


@pytest.mark.parametrize("register", UNDEFINED)
def test_register_of_a_hidden_feature_is_undefined(guest: GuestRealm, register: str) -> None:
    """An access takes an Unknown exception and never exits (CPU-06, CPU-10, CPU-14)."""
    guest.guest.write_sysreg("CPACR_EL1", ALL_FEATURES)
    seen = guest.guest.submit_insn(a64.mrs(0, *ENCODINGS[register]), [(0, 0)])
    assert isinstance(seen, HostCallExit)
    assert Report.of(seen).is_undefined


def test_sve_instruction_is_undefined(guest: GuestRealm) -> None:
    """RDVL in a realm without SVE (CPU-06)."""
    guest.guest.write_sysreg("CPACR_EL1", ALL_FEATURES)
    assert guest.guest.execute(a64.rdvl(0)).is_undefined


def test_id_register_cannot_be_written(guest: GuestRealm) -> None:
    """MSR to an ID register is UNDEFINED."""
    assert guest.guest.write_sysreg("ID_AA64PFR0_EL1", 0).is_undefined


def test_realm_runs_at_el1(guest: GuestRealm) -> None:
    """CurrentEL of the payload is EL1."""
    assert guest.guest.hello().values[2] >> 2 == 1


def test_each_rec_has_its_own_mpidr(make_guest: MakeGuest) -> None:
    """MPIDR_EL1: affinity of RmiRecParams.mpidr, bit 31 set (state-machines.md 3)."""
    guest = make_guest(recs=2)
    second = guest.power_on(1)
    seen = [g.read_sysreg("MPIDR_EL1").value for g in (guest.guest, second)]
    assert [value & 0xFF_80FF_FFFF for value in seen] == [0x8000_0000, 0x8000_0001]


def test_wfi_exits_when_trapped(guest: GuestRealm) -> None:
    """TRAP_WFI: a SYNC exit with esr only; PC is behind the instruction (EXIT-01)."""
    seen = guest.guest.submit_insn(a64.WFI, flags=EnterFlags.TRAP_WFI)
    assert isinstance(seen, WfxExit)
    assert not seen.is_wfe
    assert set(seen.specific()) == {"esr"}
    report = guest.guest.finish(guest.guest.resume())
    assert report.ok
    assert report.values[3] == 0


def test_wfi_does_not_exit_otherwise(guest: GuestRealm, ns: NormalWorld) -> None:
    """Without TRAP_WFI the PE sleeps until an interrupt, here one of the host."""
    ns.link.timer(ns.link.sysreg_read("CNTFRQ_EL0") // 500)
    seen = guest.guest.submit_insn(a64.WFI)
    ns.link.timer(0)
    assert isinstance(seen, IrqExit)


def test_trap_flag_holds_for_one_entry(guest: GuestRealm, ns: NormalWorld) -> None:
    """Flags are read at every entry and never remembered."""
    guest.guest.finish(guest.guest.submit_insn(a64.NOP, flags=EnterFlags.TRAP_WFI))
    ns.link.timer(ns.link.sysreg_read("CNTFRQ_EL0") // 500)
    seen = guest.guest.submit_insn(a64.WFI)
    ns.link.timer(0)
    assert not isinstance(seen, WfxExit)


def test_wfe_flag_does_not_trap_wfi(guest: GuestRealm, ns: NormalWorld) -> None:
    """TRAP_WFE concerns WFE alone."""
    ns.link.timer(ns.link.sysreg_read("CNTFRQ_EL0") // 500)
    seen = guest.guest.submit_insn(a64.WFI, flags=EnterFlags.TRAP_WFE)
    ns.link.timer(0)
    assert not isinstance(seen, WfxExit)


def test_wfe_exits_when_trapped(guest: GuestRealm) -> None:
    """TRAP_WFE: a SYNC exit; skipped where the CPU never traps WFE, as QEMU's (EXIT-02)."""
    seen = guest.guest.submit_insn(a64.WFE, flags=EnterFlags.TRAP_WFE)
    if isinstance(seen, HostCallExit):
        pytest.skip("not on this stack: its CPU does not trap WFE")
    assert isinstance(seen, WfxExit)
    assert seen.is_wfe
    assert guest.guest.finish(guest.guest.resume()).ok


@pytest.mark.parametrize("flags", [EnterFlags.NONE, EnterFlags.TRAP_WFI], ids=["plain", "wfi"])
def test_wfe_does_not_exit_otherwise(guest: GuestRealm, flags: EnterFlags) -> None:
    """Without TRAP_WFE the realm runs on."""
    assert isinstance(guest.guest.submit_insn(a64.WFE, flags=flags), HostCallExit)
