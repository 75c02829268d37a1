# SPDX-License-Identifier: BSD-3-Clause
"""The order of RECs: MPIDRs ascend without gaps, up to the maximum number of RECs."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.prepared import MakeRecDraft
from harness.realm import NormalWorld, Realm, RecDraft, mpidr_of_index
from harness.rmi import Fails, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

ORDER = tables().bitfield("RmiFeatureRegister0").bits("MAX_RECS_ORDER")
MOST_TO_TRY = 64


def test_mpidrs_ascend(make_rec_draft: MakeRecDraft, realm: Realm) -> None:
    """RMI_REC_CREATE, success: RECs 0, 1, 2, 3 in this order."""
    for index in range(4):
        assert make_rec_draft(realm).create(mpidr=mpidr_of_index(index)) == Succeeds()


@pytest.mark.parametrize("index", [1, 2, 15, 16, 255, 4096, 1 << 20])
def test_the_first_rec_has_index_0(rec_draft: RecDraft, index: int) -> None:
    """RMI_REC_CREATE, mpidr_index: no REC before the first (RECC-24)."""
    assert rec_draft.create(mpidr=mpidr_of_index(index)) == Fails("mpidr_index")


def test_an_index_cannot_be_skipped(make_rec_draft: MakeRecDraft, realm: Realm) -> None:
    """RMI_REC_CREATE, mpidr_index: 0, then 2 (RECC-24)."""
    realm.add_rec()
    draft = make_rec_draft(realm)
    assert draft.create(mpidr=mpidr_of_index(2)) == Fails("mpidr_index")
    assert draft.create(mpidr=mpidr_of_index(1)) == Succeeds()


def test_an_index_cannot_be_repeated(make_rec_draft: MakeRecDraft, realm: Realm) -> None:
    """RMI_REC_CREATE, mpidr_index: 0, then 0 again."""
    realm.add_rec()
    assert make_rec_draft(realm).create(mpidr=mpidr_of_index(0)) == Fails("mpidr_index")


@pytest.mark.parametrize("bit", [4, 5, 6, 7, 32, 39, 40, 63])
def test_reserved_bits_of_an_mpidr_must_be_zero(rec_draft: RecDraft, bit: int) -> None:
    """RMI_REC_CREATE, mpidr_index: RmiRecMpidr.MBZ."""
    assert rec_draft.create(mpidr=1 << bit) == Fails("mpidr_index")


@pytest.mark.parametrize("bit", [8, 15, 16, 24, 30, 31])
def test_other_affinity_fields_count(rec_draft: RecDraft, bit: int) -> None:
    """RMI_REC_CREATE, mpidr_index: Aff1, Aff2, Aff3 are part of the index, bit 31 too."""
    assert rec_draft.create(mpidr=1 << bit) == Fails("mpidr_index")


def test_an_index_is_used_up_for_good(make_rec_draft: MakeRecDraft, realm: Realm) -> None:
    """RMI_REC_DESTROY does not give the index back; the next one is still wanted."""
    realm.add_rec()
    realm.recs.pop().destroy()
    first, second = make_rec_draft(realm), make_rec_draft(realm)
    assert first.create(mpidr=mpidr_of_index(0)) == Fails("mpidr_index")
    assert first.create(mpidr=mpidr_of_index(1)) == Succeeds()
    assert second.create(mpidr=mpidr_of_index(1)) == Fails("mpidr_index")
    assert second.create(mpidr=mpidr_of_index(2)) == Succeeds()


def test_two_realms_count_by_themselves(
    make_rec_draft: MakeRecDraft, realm: Realm, rec_draft: RecDraft
) -> None:
    """RMI_REC_CREATE: the index belongs to the realm, not to the machine."""
    other = Realm.create(realm.world)
    other.add_rec()
    assert rec_draft.create(mpidr=mpidr_of_index(0)) == Succeeds()
    assert make_rec_draft(other).create(mpidr=mpidr_of_index(1)) == Succeeds()
    other.destroy()


def most_recs(ns: NormalWorld) -> int:
    """How many RECs a realm may have, by feature register 0."""
    most: int = 1 << ORDER.get(ns.features)
    if most > MOST_TO_TRY:
        pytest.skip(f"not on this stack: {most} RECs are more than {MOST_TO_TRY}")
    return most


def test_a_realm_may_have_as_many_recs_as_offered(ns: NormalWorld, realm: Realm) -> None:
    """RMI_REC_CREATE, success up to 2^MAX_RECS_ORDER (REC-01)."""
    for _ in range(most_recs(ns)):
        realm.add_rec(runnable=False)
    realm.activate()


def test_one_rec_more_than_offered_is_refused(
    ns: NormalWorld, make_rec_draft: MakeRecDraft, realm: Realm
) -> None:
    """RMI_REC_CREATE, rec_limit."""
    for _ in range(most_recs(ns)):
        realm.add_rec(runnable=False)
    assert make_rec_draft(realm).create() == Fails("rec_limit")


def test_a_destroyed_rec_makes_no_room_for_another(
    ns: NormalWorld, make_rec_draft: MakeRecDraft, realm: Realm
) -> None:
    """RMI_REC_CREATE, rec_limit: the counter of RECs only grows."""
    most = most_recs(ns)
    for _ in range(most):
        realm.add_rec(runnable=False)
    realm.recs.pop(1).destroy()
    draft = make_rec_draft(realm)
    assert draft.create(mpidr=mpidr_of_index(most)) == Fails("rec_limit")
