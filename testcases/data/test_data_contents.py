# SPDX-License-Identifier: BSD-3-Clause
"""What lies in a data granule, seen in the machine's RAM behind the realm's back."""

from __future__ import annotations

import pytest

from harness.machine import Machine
from harness.plugin.fixtures import MakeRealm
from harness.realm import NormalWorld, Realm
from harness.rmi import Fails
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms", "mailbox")]

CONTENT = bytes(n * 7 & 0xFF for n in range(GRANULE_BYTES))


@pytest.mark.parametrize("measure", [False, True], ids=["not-measured", "measured"])
def test_create_copies_the_source(realm: Realm, machine: Machine, *, measure: bool) -> None:
    """RMI_DATA_CREATE, success: all 4096 bytes, with and without measuring them."""
    data = realm.map_data(0, CONTENT, measure=measure)
    assert machine.ram.read(data, GRANULE_BYTES) == CONTENT


def test_create_leaves_the_source_alone(ns: NormalWorld, realm: Realm) -> None:
    """RMI_DATA_CREATE, success: the source is still the host's, with its contents."""
    realm.tables.ensure(0)
    src = ns.page(CONTENT)
    realm.rmi.data_create(realm.rd, ns.delegated(), 0, src, 0).require()
    assert ns.read(src, GRANULE_BYTES) == CONTENT
    assert ns.poke(src, 1).ok


def test_the_realm_has_a_copy_of_its_own(ns: NormalWorld, realm: Realm, machine: Machine) -> None:
    """RMI_DATA_CREATE: what the host writes to the source later does not reach the realm."""
    realm.tables.ensure(0)
    src, data = ns.page(CONTENT), ns.delegated()
    realm.rmi.data_create(realm.rd, data, 0, src, 0).require()
    ns.write(src, b"changed")
    assert machine.ram.read(data, GRANULE_BYTES) == CONTENT


def test_unknown_data_shows_nothing_of_the_host(
    ns: NormalWorld, realm: Realm, machine: Machine
) -> None:
    """RMI_DATA_CREATE_UNKNOWN: what the host had in the granule is wiped (DATU-25)."""
    realm.tables.ensure(0)
    granule = ns.page(CONTENT)
    ns.rmi.granule_delegate(granule).require()
    realm.rmi.data_create_unknown(realm.rd, granule, 0).require()
    assert machine.ram.is_zero(granule, GRANULE_BYTES)


def test_unknown_data_shows_nothing_of_another_realm(
    make_realm: MakeRealm, machine: Machine
) -> None:
    """DATA_DESTROY in one realm, DATA_CREATE_UNKNOWN in the next: the granule is wiped (DAT-03)."""
    first, second = make_realm(), make_realm()
    data = first.map_data(0, CONTENT)
    first.rmi.data_destroy(first.rd, 0).require()
    second.tables.ensure(0)
    second.rmi.data_create_unknown(second.rd, data, 0).require()
    assert machine.ram.is_zero(data, GRANULE_BYTES)


def test_destroy_wipes_the_page(realm: Realm, machine: Machine) -> None:
    """RMI_DATA_DESTROY, success: wiped before the granule is DELEGATED again (DATD-17)."""
    data = realm.map_data(0, CONTENT)
    realm.rmi.data_destroy(realm.rd, 0).require()
    assert machine.ram.is_zero(data, GRANULE_BYTES)
    realm.world.undelegate(data)


def test_destroy_wipes_unknown_pages_too(realm: Realm, machine: Machine) -> None:
    """RMI_DATA_DESTROY, success: ASSIGNED/EMPTY, written to behind the RMM's back."""
    data = realm.map_unknown(0)
    machine.ram.write(data, CONTENT)
    realm.rmi.data_destroy(realm.rd, 0).require()
    assert machine.ram.is_zero(data, GRANULE_BYTES)
    realm.world.undelegate(data)


def test_a_refused_create_copies_nothing(ns: NormalWorld, realm: Realm, machine: Machine) -> None:
    """RMI_DATA_CREATE on failure: the granule does not hold the source."""
    src, data = ns.page(CONTENT), ns.delegated()
    assert realm.rmi.data_create(realm.rd, data, 0, src, 0) == Fails("rtt_walk", index=1)
    assert machine.ram.is_zero(data, GRANULE_BYTES)
    ns.undelegate(data)


def test_pages_do_not_touch_each_other(realm: Realm, machine: Machine) -> None:
    """Four pages with contents of their own; destroying one keeps the others."""
    contents = [bytes([n + 1]) * GRANULE_BYTES for n in range(4)]
    granules = [realm.map_data(n * GRANULE_BYTES, page) for n, page in enumerate(contents)]
    realm.unmap_data(Ipa(GRANULE_BYTES))
    for number in (0, 2, 3):
        assert machine.ram.read(granules[number], GRANULE_BYTES) == contents[number]
