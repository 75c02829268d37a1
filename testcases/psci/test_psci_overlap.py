# SPDX-License-Identifier: BSD-3-Clause
"""PSCI calls of two RECs about the same third one, in every order of completion (PSCI-12)."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import Guest, GuestRealm, PsciExit
from harness.rmi import PsciStatus, Succeeds

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

ON, OFF = 0, 1
TARGET = 2


@pytest.fixture
def trio(make_guest: MakeGuest) -> GuestRealm:
    """A realm with three RECs, the third one off."""
    guest = make_guest(recs=3)
    guest.power_on(1)
    return guest


def ask(trio: GuestRealm, caller: Guest, name: str) -> None:
    args = (trio.image.secondary_entry, 0) if name == "PSCI_CPU_ON" else (0,)
    seen = caller.submit_smc(name, trio.realm.recs[TARGET].mpidr, *args)
    assert isinstance(seen, PsciExit)


def complete(trio: GuestRealm, caller: Guest, name: str) -> int:
    """Let the host complete a request; what the realm is told."""
    target = trio.realm.recs[TARGET].pa
    assert trio.realm.rmi.psci_complete(caller.rec.pa, target, PsciStatus.SUCCESS) == Succeeds()
    return caller.finish_smc(name).x[0]


def test_affinity_is_what_it_is_when_completed(trio: GuestRealm) -> None:
    """AFFINITY_INFO asked before CPU_ON is done, completed after it: ON (PSCI-12)."""
    first, second = trio.guests[:2]
    ask(trio, first, "PSCI_CPU_ON")
    ask(trio, second, "PSCI_AFFINITY_INFO")
    assert PsciStatus.of(complete(trio, first, "PSCI_CPU_ON")) is PsciStatus.SUCCESS
    assert complete(trio, second, "PSCI_AFFINITY_INFO") == ON


def test_affinity_completed_first_is_off(trio: GuestRealm) -> None:
    """The same requests, completed the other way round: OFF (PSCI-12)."""
    first, second = trio.guests[:2]
    ask(trio, first, "PSCI_CPU_ON")
    ask(trio, second, "PSCI_AFFINITY_INFO")
    assert complete(trio, second, "PSCI_AFFINITY_INFO") == OFF
    assert PsciStatus.of(complete(trio, first, "PSCI_CPU_ON")) is PsciStatus.SUCCESS


@pytest.mark.parametrize("winner", [0, 1])
def test_one_of_two_switches_it_on(trio: GuestRealm, winner: int) -> None:
    """Two CPU_ON of one REC: the first to be completed wins, the other is ALREADY_ON (PSCI-12)."""
    callers = trio.guests[:2]
    for caller in callers:
        ask(trio, caller, "PSCI_CPU_ON")
    order = (callers[winner], callers[1 - winner])
    told = [PsciStatus.of(complete(trio, caller, "PSCI_CPU_ON")) for caller in order]
    assert told == [PsciStatus.SUCCESS, PsciStatus.ALREADY_ON]
