# SPDX-License-Identifier: BSD-3-Clause
"""Several RECs: PSCI CPU_ON, CPU_OFF and AFFINITY_INFO with the host's RMI_PSCI_COMPLETE."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, NormalWorld, PsciExit, a64
from harness.rmi import Fails, PsciStatus, Succeeds
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

CONTEXT = 0x0CC_A0CC_A
ON, OFF = 0, 1
SHARED = Ipa(1 << 39)


@pytest.fixture
def pair(make_guest: MakeGuest) -> GuestRealm:
    """A realm with two RECs, REC 1 still off."""
    return make_guest(recs=2)


def request(guest: GuestRealm, name: str = "PSCI_CPU_ON", *, target: int = 1) -> PsciExit:
    """Let REC 0 ask for something that concerns another REC."""
    mpidr = guest.realm.recs[target].mpidr
    args = (guest.image.secondary_entry, CONTEXT) if name == "PSCI_CPU_ON" else (0,)
    seen = guest.guest.submit_smc(name, mpidr, *args)
    assert isinstance(seen, PsciExit)
    return seen


def complete(guest: GuestRealm, status: int = PsciStatus.SUCCESS, *, target: int = 1) -> None:
    realm = guest.realm
    realm.rmi.psci_complete(realm.recs[0].pa, realm.recs[target].pa, status).require()


def answer(guest: GuestRealm) -> int:
    """What the call of REC 0 returned."""
    return guest.guest.finish_smc("PSCI_CPU_ON").x[0]


def affinity(guest: GuestRealm) -> int:
    """AFFINITY_INFO of REC 1 as REC 0 is told."""
    request(guest, "PSCI_AFFINITY_INFO")
    complete(guest)
    return answer(guest)


def test_cpu_on_exits_with_its_target_only(pair: GuestRealm) -> None:
    """Entry point and context are not shown to the host."""
    seen = request(pair)
    assert (seen.fid, seen.target_mpidr) == (tables().command("PSCI_CPU_ON").fid, 1)
    assert not any(seen.gprs[2:])
    assert set(seen.specific()) == {"gprs"}


def test_affinity_info_exits_with_its_target_only(pair: GuestRealm) -> None:
    """PSCI_AFFINITY_INFO shows function id and MPIDR."""
    seen = request(pair, "PSCI_AFFINITY_INFO")
    assert (seen.fid, seen.target_mpidr) == (tables().command("PSCI_AFFINITY_INFO").fid, 1)
    assert not any(seen.gprs[2:])


def test_rec_switched_on_starts_with_its_context(pair: GuestRealm) -> None:
    """The target enters at the entry point with X0 = context id (PSON-04, PSCI-07)."""
    started = pair.power_on(1, context=CONTEXT)
    hello = started.hello()
    assert hello.values[3] == CONTEXT
    assert hello.values[1] & 0xFF == 1


@pytest.mark.parametrize("name", ["PSCI_CPU_ON", "PSCI_AFFINITY_INFO"])
def test_pending_request_blocks_the_caller(pair: GuestRealm, name: str) -> None:
    """RMI_REC_ENTER before RMI_PSCI_COMPLETE is refused."""
    request(pair, name)
    assert pair.rec.try_enter() == Fails("rec_psci")
    complete(pair)
    assert pair.guest.finish_smc(name).x[0] in (PsciStatus.SUCCESS, OFF)


def test_target_cannot_be_entered_before_completion(pair: GuestRealm) -> None:
    """The target becomes runnable by RMI_PSCI_COMPLETE, not by the call."""
    request(pair)
    assert pair.realm.recs[1].try_enter() == Fails("rec_runnable")


def test_denied_cpu_on_reaches_the_caller(pair: GuestRealm) -> None:
    """Status DENIED: the caller sees it, the target stays off (PSCI-09)."""
    request(pair)
    complete(pair, PsciStatus.DENIED)
    assert PsciStatus.of(answer(pair)) is PsciStatus.DENIED
    assert pair.realm.recs[1].try_enter() == Fails("rec_runnable")


def test_target_that_is_on_answers_already_on(pair: GuestRealm) -> None:
    """CPU_ON of a REC that runs: SUCCESS of the host becomes ALREADY_ON."""
    pair.power_on(1)
    request(pair)
    complete(pair)
    assert PsciStatus.of(answer(pair)) is PsciStatus.ALREADY_ON


def test_already_on_cannot_be_denied(pair: GuestRealm) -> None:
    """DENIED for a REC that is on: RMI_ERROR_INPUT, and the caller sees ALREADY_ON (PSCI-09)."""
    pair.power_on(1)
    request(pair)
    realm = pair.realm
    denied = realm.rmi.psci_complete(pair.rec.pa, realm.recs[1].pa, PsciStatus.DENIED)
    assert denied == Fails("status")
    assert PsciStatus.of(answer(pair)) is PsciStatus.ALREADY_ON


def test_registers_after_completion(pair: GuestRealm) -> None:
    """X0 is the result, X1..X3 zero, X4..X6 zero or kept, X7..X30 kept (EXIT-06)."""
    call = [(0, tables().command("PSCI_CPU_ON").fid), (1, 1), (2, pair.image.secondary_entry)]
    assert isinstance(pair.guest.submit_insn(a64.smc(), call), PsciExit)
    complete(pair)
    report = pair.guest.finish(pair.guest.resume())
    assert report.values[:3] == (PsciStatus.SUCCESS, 0, 0)
    assert report.values[3] >> 7 == 0


def test_affinity_info_follows_on_and_off(pair: GuestRealm) -> None:
    """AFFINITY_INFO: OFF before, ON after CPU_ON, OFF after CPU_OFF (PSAI-03, PSCI-11)."""
    seen = [affinity(pair)]
    second = pair.power_on(1)
    seen.append(affinity(pair))
    second.submit_smc("PSCI_CPU_OFF")
    seen.append(affinity(pair))
    assert seen == [OFF, ON, OFF]


def test_rec_can_be_switched_on_again(pair: GuestRealm) -> None:
    """CPU_OFF, then CPU_ON with another context: the REC starts anew."""
    pair.power_on(1, context=1).submit_smc("PSCI_CPU_OFF")
    assert pair.realm.recs[1].try_enter() == Fails("rec_runnable")
    again = pair.power_on(1, context=2)
    assert again.hello().values[3] == 2


def test_last_rec_goes_off_while_another_goes_on(pair: GuestRealm) -> None:
    """REC 0 switches REC 1 on and itself off; REC 1 switches it on again (PSCI-07)."""
    second = pair.power_on(1)
    pair.guest.submit_smc("PSCI_CPU_OFF")
    call = ("PSCI_CPU_ON", pair.rec.mpidr, pair.image.secondary_entry, CONTEXT)
    second.submit_smc(*call)
    done = pair.realm.rmi.psci_complete(second.rec.pa, pair.rec.pa, PsciStatus.SUCCESS)
    assert done == Succeeds()
    assert second.finish_smc(*call) == Succeeds()
    assert pair.guest.boot().ok
    assert pair.guest.hello().values[3] == CONTEXT


def test_two_recs_run_on_two_pes(pair: GuestRealm, ns: NormalWorld, second_pe: int) -> None:
    """REC 1 runs on the second PE while REC 0 runs on the first (PSCI-08)."""
    shared = pair.realm.share_page(SHARED)
    second = pair.power_on(1)
    second.pe = second_pe
    spin = second.start("SPIN_UNTIL", SHARED, 1, 1 << 40)
    pair.realm.wait_running(second.rec)
    assert pair.guest.hello().ok
    assert affinity(pair) == ON
    ns.poke(shared, 1)
    assert second.finish(second.collect(spin)).value == 1


def test_recs_are_switched_on_in_any_order(make_guest: MakeGuest) -> None:
    """CPU_ON reaches each REC by its own MPIDR."""
    guest = make_guest(recs=4)
    for index in (3, 1, 2):
        hello = guest.power_on(index, context=index).hello()
        assert (hello.values[1] & 0xFF, hello.values[3]) == (index, index)
