# SPDX-License-Identifier: BSD-3-Clause
"""Hosts that keep, and that break, the rules about making realms and RECs."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.plugin.judging import Trial
from harness.realm import NormalWorld, Realm, RealmDraft, RecDraft, mpidr_of_index
from harness.rmi import Result, Succeeds

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

SHA3 = 7


def refused(draft: RecDraft, **changes: int) -> Result:
    """The answer to a REC_CREATE that must fail; its granules are given back."""
    answer = draft.create(**changes)
    draft.give_back()
    return answer


@pytest.mark.host_rules
def test_recs_ascending_kept(realm: Realm) -> None:
    """REC 0, then REC 1."""
    assert [realm.add_rec().mpidr for _ in range(2)] == [0, 1]


@pytest.mark.violates("recs-ascending")
def test_recs_ascending_broken(realm: Realm) -> None:
    """REC 1 is asked for before REC 0."""
    assert not refused(RecDraft(realm), mpidr=mpidr_of_index(1)).ok


@pytest.mark.host_rules
def test_recs_while_new_kept(realm: Realm) -> None:
    """The RECs first, then RMI_REALM_ACTIVATE."""
    realm.add_rec()
    realm.activate()
    assert len(realm.recs) == 1


@pytest.mark.violates("recs-while-new")
def test_recs_while_new_broken(realm: Realm) -> None:
    """A REC for a realm that is active."""
    realm.activate()
    assert not refused(RecDraft(realm)).ok


@pytest.mark.host_rules
def test_aux_count_kept(realm: Realm) -> None:
    """The number that RMI_REC_AUX_COUNT answered."""
    assert len(realm.add_rec().aux) == realm.aux_count


@pytest.mark.violates("aux-count")
def test_aux_count_broken(realm: Realm) -> None:
    """One auxiliary granule more than was answered."""
    draft = RecDraft(realm)
    assert not refused(draft, num_aux=len(draft.aux) + 1).ok


@pytest.mark.host_rules
def test_rd_delegated_first_kept(make_realm: MakeRealm) -> None:
    """RD and root tables are delegated, then RMI_REALM_CREATE."""
    assert make_realm().rd


@pytest.mark.violates("rd-delegated-first")
def test_rd_delegated_first_broken(ns: NormalWorld) -> None:
    """An RD that the normal world still owns."""
    draft = RealmDraft(ns)
    answer = draft.create(rd=ns.page())
    draft.give_back()
    assert not answer.ok


@pytest.mark.host_rules
def test_failed_create_undelegates_kept(ns: NormalWorld) -> None:
    """What failed to become a realm is undelegated; the next try takes other granules."""
    failed = RealmDraft(ns)
    answer = failed.create(hash_algo=SHA3)
    failed.give_back()
    second = RealmDraft(ns)
    again = second.create()
    second.give_back()
    assert not answer.ok
    assert again == Succeeds()


@pytest.mark.violates("failed-create-undelegates")
def test_failed_create_undelegates_broken(ns: NormalWorld) -> None:
    """The same granules are used again as they are."""
    draft = RealmDraft(ns)
    answer = draft.create(hash_algo=SHA3)
    again = draft.create()
    draft.give_back()
    assert not answer.ok
    assert again == Succeeds()


@pytest.mark.host_rules
def test_roots_after_destroy_kept(ns: NormalWorld) -> None:
    """RMI_REALM_DESTROY, then the root table is undelegated."""
    realm = Realm.create(ns)
    realm.destroy()
    assert realm.destroyed


@pytest.mark.violates("roots-after-destroy")
def test_roots_after_destroy_broken(realm: Realm, ns: NormalWorld) -> None:
    """The root table of a realm that is alive."""
    assert not ns.try_undelegate(realm.root).ok


@pytest.mark.host_rules
def test_leaks_kept(ns: NormalWorld) -> None:
    """A granule is delegated and given back."""
    assert ns.try_undelegate(ns.delegated()) == Succeeds()


@pytest.mark.violates("leaks")
def test_leaks_broken(ns: NormalWorld, request: pytest.FixtureRequest, trial: Trial) -> None:
    """A granule is delegated, and the test ends."""
    granule = ns.delegated()
    request.addfinalizer(lambda: ns.undelegate(granule))
    trial.check()
