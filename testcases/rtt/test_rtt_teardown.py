# SPDX-License-Identifier: BSD-3-Clause
"""Whole realms taken apart by a host that knows nothing but the answers of the RMM."""

from __future__ import annotations

import random

import pytest

from harness.machine import Machine
from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, RttEntry, entry_bytes
from harness.rmi import Fails, Ripas, Rmi, RttState, Succeeds
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

BLOCK = entry_bytes(2)
GIB = entry_bytes(1)


def furnish(realm: Realm, seed: int) -> None:
    """Scatter pages, tables, shared pages and blocks over both halves of a realm."""
    rng = random.Random(seed)
    shared = realm.unprotected_base
    for _ in range(12):
        realm.map_unknown(rng.randrange(0, shared, GRANULE_BYTES))
        realm.tables.ensure(rng.randrange(0, 2 * shared, GRANULE_BYTES))
        realm.share_page(shared + rng.randrange(0, shared, GRANULE_BYTES))


@pytest.mark.parametrize(("ipa_width", "start"), [(48, 0), (40, 1), (32, 2)])
@pytest.mark.parametrize("seed", [1, 2])
def test_everything_can_be_taken_apart(
    make_realm: MakeRealm, ipa_width: int, start: int, seed: int
) -> None:
    """Tear-down by index and top finds every granule, whatever the tables look like."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    furnish(realm, seed)
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")
    realm.tables.tear_down()
    assert realm.rmi.realm_destroy(realm.rd) == Succeeds()
    realm.give_back()


def test_what_was_protected_is_destroyed_afterwards(realm: Realm) -> None:
    """After a tear-down the ranges that had tables are DESTROYED, the others untouched."""
    realm.map_unknown(0)
    realm.share_page(realm.unprotected_base)
    realm.tables.tear_down()
    tables = realm.tables
    assert tables.entry(0) == RttEntry(1, RttState.UNASSIGNED, 0, Ripas.DESTROYED)
    assert tables.entry(GIB) == RttEntry(1, RttState.UNASSIGNED, 0, Ripas.EMPTY)
    empty = RttEntry(1, RttState.UNASSIGNED, 0, Ripas.EMPTY)
    assert tables.entry(realm.unprotected_base) == empty


def test_no_granule_comes_free_before_its_turn(rmi: Rmi, realm: Realm) -> None:
    """Data, then its table, then the tables above, then the root: never another order."""
    data = realm.map_unknown(0)
    tables = [Pa(realm.tables.entry(0, level).desc) for level in (2, 1)]
    for granule in (data, *tables, realm.root, realm.rd):
        assert rmi.granule_undelegate(granule) == Fails("gran_state")
    assert rmi.rtt_destroy(realm.rd, 0, 2) == Fails("rtt_live", index=2)
    assert rmi.rtt_destroy(realm.rd, 0, 3) == Fails("rtt_live", index=3)
    assert rmi.data_destroy(realm.rd, 0) == Succeeds(data=data)
    assert rmi.rtt_destroy(realm.rd, 0, 3) == Succeeds(rtt=tables[0])
    assert rmi.rtt_destroy(realm.rd, 0, 2) == Succeeds(rtt=tables[1])
    for granule in (data, *tables):
        assert rmi.granule_undelegate(granule) == Succeeds()


def test_a_realm_can_be_furnished_again(realm: Realm) -> None:
    """After a tear-down the same realm takes tables and data as before."""
    furnish(realm, 3)
    realm.tables.tear_down()
    furnish(realm, 4)


@pytest.mark.requires("mailbox")
def test_two_realms_do_not_share_tables(make_realm: MakeRealm, machine: Machine) -> None:
    """What one realm's tables hold does not change while another one is taken apart."""
    kept, gone = make_realm(), make_realm()
    for realm in (kept, gone):
        realm.map_unknown(0)
        realm.share_page(realm.unprotected_base)
    granules = [kept.root, *(Pa(kept.tables.entry(0, level).desc) for level in (1, 2))]
    before = [machine.ram.read(granule, GRANULE_BYTES) for granule in granules]
    gone.destroy()
    assert [machine.ram.read(granule, GRANULE_BYTES) for granule in granules] == before
