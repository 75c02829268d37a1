# SPDX-License-Identifier: BSD-3-Clause
"""What the normal world meets at a granule that is not its own: granule protection faults."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.link import Outcome
from harness.machine import Machine
from harness.realm import NormalWorld, Zoo, a64
from harness.realm.zoo import IN_USE, SPECIAL
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("granules")]

Access = Callable[[NormalWorld, Pa, int], Outcome]

ACCESSES: dict[str, Access] = {
    "read": lambda ns, pa, pe: ns.link.peek(pa, pe=pe),
    "write": lambda ns, pa, pe: ns.link.poke(pa, 8, 0xBAD, pe=pe),
    "fetch": lambda ns, pa, pe: ns.link.fetch(pa, pe=pe),
}
RETURN = a64.image(a64.RET)


@pytest.mark.parametrize("access", ACCESSES)
def test_access_to_a_delegated_granule_faults(ns: NormalWorld, access: str) -> None:
    """Any access takes a granule protection fault at its own address (GRAN-06)."""
    granule = ns.page(RETURN)
    assert ACCESSES[access](ns, granule, 0).ok
    ns.rmi.granule_delegate(granule).require()
    outcome = ACCESSES[access](ns, granule, 0)
    assert outcome.granule_fault
    assert outcome.far == granule
    ns.undelegate(granule)


@pytest.mark.parametrize("access", ACCESSES)
def test_access_after_undelegate_goes_through(ns: NormalWorld, access: str) -> None:
    """The same accesses are allowed again (GUND-09)."""
    granule = ns.delegated()
    assert ACCESSES[access](ns, granule, 0).granule_fault
    ns.undelegate(granule)
    ns.write(granule, RETURN)
    assert ACCESSES[access](ns, granule, 0).ok


@pytest.mark.parametrize("access", ACCESSES)
def test_another_pe_sees_the_change_at_once(ns: NormalWorld, second_pe: int, access: str) -> None:
    """No PE keeps the old protection in a TLB, in neither direction."""
    granule = ns.page(RETURN)
    assert ACCESSES[access](ns, granule, second_pe).ok
    ns.rmi.granule_delegate(granule).require()
    assert ACCESSES[access](ns, granule, second_pe).granule_fault
    ns.undelegate(granule)
    ns.write(granule, RETURN)
    assert ACCESSES[access](ns, granule, second_pe).ok


@pytest.mark.parametrize("width_bytes", [1, 2, 4, 8])
@pytest.mark.parametrize("offset_bytes", [0, 0x7F8, GRANULE_BYTES - 8])
def test_every_byte_of_the_granule_is_protected(
    ns: NormalWorld, width_bytes: int, offset_bytes: int
) -> None:
    """The fault does not depend on width or place of the access."""
    granule = ns.delegated()
    outcome = ns.peek(Pa(granule + offset_bytes), width_bytes)
    assert outcome.granule_fault
    assert outcome.far == granule + offset_bytes
    ns.undelegate(granule)


def test_neighbours_stay_accessible(ns: NormalWorld) -> None:
    """Protection is by granule: the bytes just before and behind are still the host's."""
    before = ns.page(count=3)
    granule = Pa(before + GRANULE_BYTES)
    ns.rmi.granule_delegate(granule).require()
    assert ns.poke(Pa(granule - 8), 1).ok
    assert ns.poke(Pa(granule + GRANULE_BYTES), 2).ok
    assert ns.peek(granule).granule_fault
    ns.undelegate(granule)


@pytest.mark.requires("mailbox")
def test_a_refused_write_changes_nothing(ns: NormalWorld, machine: Machine) -> None:
    """The store that faulted did not reach memory."""
    granule = ns.delegated()
    before = machine.ram.read(granule, GRANULE_BYTES)
    assert ns.poke(granule, ~int.from_bytes(before[:8], "little")).granule_fault
    assert machine.ram.read(granule, GRANULE_BYTES) == before
    ns.undelegate(granule)


@pytest.mark.requires("realms")
@pytest.mark.parametrize("access", ["read", "write"])
@pytest.mark.parametrize("state", IN_USE)
def test_granules_of_a_realm_are_protected(
    ns: NormalWorld, zoo: Zoo, state: str, access: str
) -> None:
    """RD, REC, auxiliary, RTT and DATA granules fault like any delegated one."""
    assert ACCESSES[access](ns, zoo[state], 0).granule_fault


@pytest.mark.parametrize("access", ["read", "write"])
def test_memory_of_the_rmm_is_protected(ns: NormalWorld, access: str) -> None:
    """The RMM's own region is in Realm PAS from boot on."""
    assert ACCESSES[access](ns, SPECIAL["rmm"], 0).granule_fault


@pytest.mark.parametrize("access", ["read", "write"])
def test_secure_memory_is_protected(ns: NormalWorld, access: str) -> None:
    """Memory of EL3 and the Secure world cannot be reached from the normal world."""
    assert ACCESSES[access](ns, SPECIAL["secure"], 0).aborted


def test_a_large_area_is_protected_without_gaps(ns: NormalWorld) -> None:
    """Every granule of a delegated area faults, and none of them afterwards."""
    count = 256
    base = ns.delegated(count)
    assert all(ns.link.probe(base, count))
    ns.undelegate(base, count)
    assert not any(ns.link.probe(base, count))
