# SPDX-License-Identifier: BSD-3-Clause
"""Nothing of what a realm or the RMM wrote survives the way back to the normal world."""

from __future__ import annotations

import pytest

from harness.machine import Machine
from harness.plugin.fixtures import MakeRealm
from harness.realm import NormalWorld, Realm
from harness.types import GRANULE_BYTES, Ipa, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("granules")]

SECRET = bytes(range(256)) * (GRANULE_BYTES // 256)
ZEROS = bytes(GRANULE_BYTES)


@pytest.mark.requires("wiping")
def test_what_the_host_wrote_before_delegating_is_gone(ns: NormalWorld) -> None:
    """DELEGATE, UNDELEGATE: the host reads zeros (GUND-09)."""
    granule = ns.page(SECRET)
    ns.rmi.granule_delegate(granule).require()
    ns.undelegate(granule)
    assert ns.read(granule, GRANULE_BYTES) == ZEROS


@pytest.mark.requires("mailbox", "wiping")
def test_what_the_host_wrote_does_not_enter_the_realm_world(
    ns: NormalWorld, machine: Machine
) -> None:
    """RMI_GRANULE_DELEGATE wipes the granule (rel0 of TF-RMM does, too)."""
    granule = ns.page(SECRET)
    ns.rmi.granule_delegate(granule).require()
    assert machine.ram.is_zero(granule, GRANULE_BYTES)
    ns.undelegate(granule)


@pytest.mark.requires("realms")
def test_realm_data_is_wiped_before_the_host_may_see_it(ns: NormalWorld, realm: Realm) -> None:
    """DATA_DESTROY, UNDELEGATE: the host reads zeros (DAT-03)."""
    realm.map_data(Ipa(0), SECRET)
    granule = realm.unmap_data(Ipa(0))
    assert ns.read(granule, GRANULE_BYTES) == ZEROS


@pytest.mark.requires("realms", "mailbox")
def test_realm_data_is_wiped_as_soon_as_it_is_destroyed(realm: Realm, machine: Machine) -> None:
    """RMI_DATA_DESTROY wipes: another realm that gets the granule finds nothing."""
    data = realm.map_data(Ipa(0), SECRET)
    assert machine.ram.read(data, GRANULE_BYTES) == SECRET
    realm.rmi.data_destroy(realm.rd, 0).require()
    assert machine.ram.is_zero(data, GRANULE_BYTES)
    realm.world.undelegate(data)


def _owned_by(realm: Realm) -> dict[str, Pa]:
    """One granule of each state that only the RMM reads and writes."""
    realm.tables.ensure(0)
    rec = realm.add_rec(pc=0x1234_5678, gprs=[0xAAAA] * 8)
    return {
        "rd": realm.rd,
        "root_rtt": realm.root,
        "rtt": Pa(realm.tables.entry(0, 1).desc),
        "rec": rec.pa,
        "rec_aux": rec.aux[0],
    }


@pytest.mark.requires("realms", "mailbox")
@pytest.mark.parametrize("state", ["rd", "root_rtt", "rtt", "rec", "rec_aux"])
def test_what_the_rmm_keeps_in_a_granule_is_wiped(
    ns: NormalWorld, make_realm: MakeRealm, machine: Machine, state: str
) -> None:
    """Destroy and undelegate: nothing of RD, RTT or REC is left in the granule."""
    realm = make_realm()
    granule = _owned_by(realm)[state]
    if state != "rec_aux":
        assert not machine.ram.is_zero(granule, GRANULE_BYTES)
    realm.destroy()
    assert ns.peek(granule).ok
    assert machine.ram.is_zero(granule, GRANULE_BYTES)
