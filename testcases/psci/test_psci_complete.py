# SPDX-License-Identifier: BSD-3-Clause
"""Every failure condition of RMI_PSCI_COMPLETE; none of them ends the pending request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import GuestRealm, NormalWorld, PsciExit
from harness.rmi import Fails, PsciStatus, Result, Succeeds
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

DEVICE_PA = 0x0900_0000
BEYOND_PA = 1 << 52
SHARED = Ipa(1 << 39)


def ask(guest: GuestRealm, name: str) -> GuestRealm:
    args = (1, guest.image.secondary_entry, 0) if name == "PSCI_CPU_ON" else (1, 0)
    assert isinstance(guest.guest.submit_smc(name, *args), PsciExit)
    return guest


@pytest.fixture
def pending(make_guest: MakeGuest) -> GuestRealm:
    """A realm with three RECs; REC 0 waits for the host to complete CPU_ON of REC 1."""
    return ask(make_guest(recs=3), "PSCI_CPU_ON")


def call(guest: GuestRealm, **changed: int) -> Result:
    """RMI_PSCI_COMPLETE as it would succeed, except for what is changed."""
    recs = guest.realm.recs
    wanted = {"calling": int(recs[0].pa), "target": int(recs[1].pa), "status": 0} | changed
    return guest.realm.rmi.psci_complete(*wanted.values())


Call = Callable[[GuestRealm], Result]
CASES: list[tuple[str, str, Call]] = [
    ("same-rec", "alias", lambda g: call(g, target=g.rec.pa)),
    ("calling-unaligned", "calling_align", lambda g: call(g, calling=g.rec.pa + 1)),
    ("calling-device", "calling_bound", lambda g: call(g, calling=DEVICE_PA)),
    ("calling-beyond", "calling_bound", lambda g: call(g, calling=BEYOND_PA)),
    ("calling-undelegated", "calling_state", lambda g: call(g, calling=g.rec.run)),
    ("calling-is-rd", "calling_state", lambda g: call(g, calling=g.realm.rd)),
    ("calling-is-rtt", "calling_state", lambda g: call(g, calling=g.realm.root)),
    ("calling-is-aux", "calling_state", lambda g: call(g, calling=g.rec.aux[0])),
    ("target-unaligned", "target_align", lambda g: call(g, target=g.realm.recs[1].pa + 1)),
    ("target-device", "target_bound", lambda g: call(g, target=DEVICE_PA)),
    ("target-beyond", "target_bound", lambda g: call(g, target=BEYOND_PA)),
    ("target-undelegated", "target_state", lambda g: call(g, target=g.rec.run)),
    ("target-is-rd", "target_state", lambda g: call(g, target=g.realm.rd)),
    ("target-is-rtt", "target_state", lambda g: call(g, target=g.realm.root)),
    ("target-is-aux", "target_state", lambda g: call(g, target=g.rec.aux[0])),
    ("caller-asked-nothing", "pending", lambda g: call(g, calling=g.realm.recs[2].pa)),
    ("other-target", "target", lambda g: call(g, target=g.realm.recs[2].pa)),
    ("status-already-on", "status", lambda g: call(g, status=PsciStatus.ALREADY_ON)),
    ("status-invalid", "status", lambda g: call(g, status=PsciStatus.INVALID_PARAMETERS)),
    ("status-positive", "status", lambda g: call(g, status=1)),
]


@pytest.mark.parametrize(("condition", "act"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_bad_completion_is_refused_and_the_request_stays(
    pending: GuestRealm, condition: str, act: Call
) -> None:
    """RMI_PSCI_COMPLETE refuses (PSCC-01..21); afterwards the right one succeeds (PSCC-22)."""
    assert act(pending) == Fails(condition)
    assert pending.rec.try_enter() == Fails("rec_psci")
    assert call(pending) == Succeeds()


def test_delegated_granule_is_no_rec(pending: GuestRealm, ns: NormalWorld) -> None:
    """RMI_PSCI_COMPLETE on a granule that is only DELEGATED (PSCC-06)."""
    spare = ns.delegated()
    assert call(pending, calling=spare) == Fails("calling_state")
    assert call(pending, target=spare) == Fails("target_state")
    ns.undelegate(spare)


def test_rec_of_another_realm_is_refused(pending: GuestRealm, make_guest: MakeGuest) -> None:
    """The target must be of the caller's realm (PSCC-19, PSCI-10)."""
    other = make_guest(recs=2)
    assert call(pending, target=other.realm.recs[1].pa) == Fails("owner")
    assert call(pending) == Succeeds()


def test_affinity_info_cannot_be_denied(make_guest: MakeGuest) -> None:
    """AFFINITY_INFO accepts SUCCESS only (PSCC-21)."""
    guest = ask(make_guest(recs=2), "PSCI_AFFINITY_INFO")
    assert call(guest, status=PsciStatus.DENIED) == Fails("status")
    assert call(guest) == Succeeds()


def test_request_can_be_completed_once(pending: GuestRealm) -> None:
    """RMI_PSCI_COMPLETE twice: nothing is pending any more (PSCC-18)."""
    assert call(pending) == Succeeds()
    assert call(pending) == Fails("pending")


def test_running_caller_is_refused(make_guest: MakeGuest, ns: NormalWorld, second_pe: int) -> None:
    """RMI_PSCI_COMPLETE while the caller runs on another PE."""
    guest = make_guest(recs=2)
    guest.guest.pe = second_pe
    shared = guest.realm.share_page(SHARED)
    spin = guest.guest.start("SPIN_UNTIL", SHARED, 1, 1 << 40)
    guest.realm.wait_running(guest.rec)
    result = call(guest)
    ns.poke(shared, 1)
    guest.guest.finish(guest.guest.collect(spin))
    assert result == Fails("calling_running")
