# SPDX-License-Identifier: BSD-3-Clause
"""PSCI as the realm sees it: version, features, suspend, off, and registers after an exit."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, PsciExit, Report, a64
from harness.rmi import Fails, PsciStatus
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
UNKNOWN_MPIDR = 0x0F00
CALLS = ["VERSION", "CPU_SUSPEND", "CPU_OFF", "CPU_ON", "AFFINITY_INFO"]
CALLS += ["SYSTEM_OFF", "SYSTEM_RESET", "FEATURES"]
SWITCH_OFF = pytest.mark.parametrize("call", ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET"])


def fid(name: str) -> int:
    return tables().command(name).fid


def status(guest: GuestRealm, name: str, *args: int) -> PsciStatus:
    """What a call returned that needs no exit."""
    return PsciStatus.of(guest.guest.rsi.call(name, *args).x[0])


def test_version_is_at_least_one_dot_one(guest: GuestRealm) -> None:
    """PSCI_VERSION: major and minor, bit 31 zero (PSCI-01)."""
    version = guest.guest.rsi.call("PSCI_VERSION").x[0]
    assert (version >> 16, version & 0xFFFF) >= (1, 1)
    assert version >> 31 == 0


@pytest.mark.parametrize("call", CALLS)
def test_features_know_every_call_of_a_realm(guest: GuestRealm, call: str) -> None:
    """PSCI_FEATURES of a supported function is not NOT_SUPPORTED (PSCI-02)."""
    assert status(guest, "PSCI_FEATURES", fid(f"PSCI_{call}")) is PsciStatus.SUCCESS


@pytest.mark.parametrize(
    "function",
    [fid("RSI_VERSION"), fid("PSCI_SYSTEM_RESET") + 6, 0],
    ids=["rsi", "unknown-psci", "zero"],
)
def test_features_refuse_other_calls(guest: GuestRealm, function: int) -> None:
    """PSCI_FEATURES of anything else is NOT_SUPPORTED (PSCI-02)."""
    assert status(guest, "PSCI_FEATURES", function) is PsciStatus.NOT_SUPPORTED


def test_suspend_exits_and_returns_success(guest: GuestRealm) -> None:
    """PSCI_CPU_SUSPEND: an exit without arguments, no completion needed (PSCI-04)."""
    seen = guest.guest.submit_smc("PSCI_CPU_SUSPEND", 1, HEAP, 7)
    assert isinstance(seen, PsciExit)
    assert seen.gprs[0] == fid("PSCI_CPU_SUSPEND")
    assert not any(seen.gprs[1:])
    result = guest.guest.finish_smc("PSCI_CPU_SUSPEND")
    assert PsciStatus.of(result.x[0]) is PsciStatus.SUCCESS


def test_exit_shows_nothing_but_the_call(guest: GuestRealm) -> None:
    """A PSCI exit has reason and gprs; syndrome and addresses are zero (EXIT-06)."""
    seen = guest.guest.submit_smc("PSCI_CPU_SUSPEND", 1, HEAP, 7)
    assert set(seen.specific()) == {"gprs"}


def changed_registers(report: Report) -> set[int]:
    """Numbers of the registers that are not what they were before the instruction."""
    return {n for n in range(31) if report.values[3] >> n & 1}


def test_result_fills_x0_to_x3_and_nothing_above_x6(guest: GuestRealm) -> None:
    """After the exit X0 has the result, X1..X3 are zero, X7..X30 are kept (EXIT-06).

    X4..X6 are zero, all of them, or kept: the clauses disagree. The program sees which
    registers changed, and X1; model-verdict looks at the others.
    """
    function = fid("PSCI_CPU_SUSPEND")
    assert isinstance(guest.guest.submit_insn(a64.smc(), [(0, function), (1, 5)]), PsciExit)
    report = guest.guest.finish(guest.guest.resume())
    assert report.values[:2] == (PsciStatus.SUCCESS, 0)
    kept, zeroed = {0, 1, 2, 3}, {0, 1, 2, 3, 4, 5, 6}
    assert changed_registers(report) in (kept, zeroed)


def test_result_of_a_call_is_complete_in_x0_to_x3(guest: GuestRealm) -> None:
    """X1..X3 of a PSCI call that exits come back as zero."""
    guest.guest.submit_smc("PSCI_CPU_SUSPEND", 1, HEAP, 7)
    assert guest.guest.finish_smc("PSCI_CPU_SUSPEND").x[:4] == (PsciStatus.SUCCESS, 0, 0, 0)


def test_off_exits(guest: GuestRealm) -> None:
    """PSCI_CPU_OFF: an exit with the function id only (PSCI-03)."""
    seen = guest.guest.submit_smc("PSCI_CPU_OFF")
    assert isinstance(seen, PsciExit)
    assert seen.gprs[0] == fid("PSCI_CPU_OFF")
    assert set(seen.specific()) == {"gprs"}


def test_rec_that_is_off_cannot_be_entered(guest: GuestRealm) -> None:
    """After PSCI_CPU_OFF the REC is not runnable."""
    guest.guest.submit_smc("PSCI_CPU_OFF")
    assert guest.rec.try_enter() == Fails("rec_runnable")


@SWITCH_OFF
def test_system_off_exits_and_ends_the_realm(guest: GuestRealm, call: str) -> None:
    """SYSTEM_OFF and SYSTEM_RESET: no REC can be entered any more (PSCI-05, PSCI-06)."""
    seen = guest.guest.submit_smc(call)
    assert isinstance(seen, PsciExit)
    assert seen.gprs == (fid(call), *[0] * 30)
    assert guest.rec.try_enter() == Fails("system_off")


@SWITCH_OFF
def test_other_rec_cannot_be_entered_after_system_off(make_guest: MakeGuest, call: str) -> None:
    """SYSTEM_OFF is of the realm, not of a REC: checked before whether the REC is runnable."""
    guest = make_guest(recs=2)
    guest.guest.submit_smc(call)
    assert guest.realm.recs[1].try_enter() == Fails("system_off")


def test_realm_that_is_off_stays_off(guest: GuestRealm) -> None:
    """RMI_REALM_ACTIVATE needs a NEW realm (RDA-09)."""
    guest.guest.submit_smc("PSCI_SYSTEM_OFF")
    assert guest.realm.rmi.realm_activate(guest.realm.rd) == Fails("realm_state")


def test_realm_that_is_off_cannot_be_built_further(guest: GuestRealm) -> None:
    """RMI_RTT_INIT_RIPAS and RMI_DATA_CREATE need a NEW realm (RIPI-11)."""
    realm, ns = guest.realm, guest.realm.world
    guest.guest.submit_smc("PSCI_SYSTEM_OFF")
    assert realm.rmi.rtt_init_ripas(realm.rd, HEAP, HEAP + GRANULE_BYTES) == Fails("realm_state")
    data = ns.delegated()
    assert realm.rmi.data_create(realm.rd, data, HEAP, ns.page(), 0) == Fails("realm_state")
    ns.undelegate(data)


@pytest.mark.parametrize(
    ("target", "entry", "wanted"),
    [
        (0, HEAP, PsciStatus.ALREADY_ON),
        (1, 1 << 39, PsciStatus.INVALID_ADDRESS),
        (1, 1 << 60, PsciStatus.INVALID_ADDRESS),
        (UNKNOWN_MPIDR, HEAP, PsciStatus.INVALID_PARAMETERS),
        (2, HEAP, PsciStatus.INVALID_PARAMETERS),
        (1 << 63, HEAP, PsciStatus.INVALID_PARAMETERS),
    ],
    ids=["self", "unprotected", "nowhere", "no-such-mpidr", "no-such-rec", "reserved-bits"],
)
def test_cpu_on_is_refused_without_an_exit(
    make_guest: MakeGuest, target: int, entry: int, wanted: PsciStatus
) -> None:
    """PSCI_CPU_ON: the RMM checks its arguments itself (PSON-01, PSON-02, PSON-03)."""
    assert status(make_guest(recs=2), "PSCI_CPU_ON", target, entry, 0) is wanted


def test_affinity_of_itself_is_on(guest: GuestRealm) -> None:
    """PSCI_AFFINITY_INFO of the calling REC needs no host."""
    assert guest.guest.rsi.call("PSCI_AFFINITY_INFO", 0, 0).x[0] == 0


@pytest.mark.parametrize(
    ("target", "level"), [(0, 1), (1, 1), (UNKNOWN_MPIDR, 0)], ids=["self", "level", "unknown"]
)
def test_affinity_info_is_refused_without_an_exit(
    make_guest: MakeGuest, target: int, level: int
) -> None:
    """PSCI_AFFINITY_INFO: level 0 of an existing REC only (PSAI-01, PSAI-02)."""
    guest = make_guest(recs=2)
    assert status(guest, "PSCI_AFFINITY_INFO", target, level) is PsciStatus.INVALID_PARAMETERS
