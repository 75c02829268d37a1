# SPDX-License-Identifier: BSD-3-Clause
"""Hosts that keep, and that break, the rules about tables and memory."""

from __future__ import annotations

import pytest

from harness.realm import GuestRealm, NormalWorld, Realm
from harness.rmi import Fails, Succeeds
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

IPA = Ipa(1 << 30)
LAST_LEVEL = 3


@pytest.mark.host_rules
def test_missing_table_kept(realm: Realm, ns: NormalWorld) -> None:
    """Each answer says where the walk ended; the next table is the one below."""
    with ns.lending(ns.pool.take()) as data:
        while not (answer := realm.rmi.data_create_unknown(realm.rd, data, IPA)).ok:
            realm.tables.create(IPA, answer.index + 1)
    assert answer == Succeeds()


@pytest.mark.violates("missing-table")
def test_missing_table_broken(realm: Realm, ns: NormalWorld) -> None:
    """The same call again, as if a table had come by itself."""
    data = ns.delegated()
    answers = [realm.rmi.data_create_unknown(realm.rd, data, IPA) for _ in range(2)]
    ns.undelegate(data)
    assert answers == [Fails("rtt_walk", index=1)] * 2


@pytest.mark.host_rules
def test_last_level_kept(realm: Realm) -> None:
    """Tables down to level 3."""
    realm.tables.ensure(IPA, LAST_LEVEL)
    assert realm.tables.entry(IPA).level == LAST_LEVEL


@pytest.mark.violates("last-level")
def test_last_level_broken(realm: Realm, ns: NormalWorld) -> None:
    """A table at level 4."""
    realm.tables.ensure(IPA, LAST_LEVEL)
    granule = ns.delegated()
    answer = realm.rmi.rtt_create(realm.rd, granule, IPA, LAST_LEVEL + 1)
    ns.undelegate(granule)
    assert answer == Fails("level_bound")


def lose_a_race(guest: GuestRealm, ns: NormalWorld, pe: int) -> None:
    """REC 0 has exited; another PE delegates a granule before this one does."""
    assert guest.guest.hello().ok
    granule = ns.pool.take()
    answers = [rmi.granule_delegate(granule) for rmi in (ns.rmi.on(pe), ns.rmi)]
    ns.undelegate(granule)
    assert answers == [Succeeds(), Fails("gran_state")]


@pytest.mark.host_rules
def test_race_not_fatal_kept(guest: GuestRealm, ns: NormalWorld, second_pe: int) -> None:
    """The REC is entered again."""
    lose_a_race(guest, ns, second_pe)
    assert guest.guest.hello().ok


@pytest.mark.violates("race-not-fatal")
def test_race_not_fatal_broken(guest: GuestRealm, ns: NormalWorld, second_pe: int) -> None:
    """The REC is destroyed."""
    lose_a_race(guest, ns, second_pe)
