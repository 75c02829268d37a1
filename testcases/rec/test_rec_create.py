# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REC_CREATE and RMI_REC_AUX_COUNT: arguments, realm state, auxiliary granules."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeRealm
from harness.plugin.prepared import MakeRecDraft
from harness.realm import Realm, RecDraft, Zoo
from harness.realm.state import advance
from harness.realm.zoo import kinds_but, refusal
from harness.rmi import Fails, Rmi, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

MOST_AUX = tables().struct("RmiRecParams").field("aux").size // 8
RUNNABLE = tables().bitfield("RmiRecCreateFlags").bits("RUNNABLE").mask


@pytest.mark.parametrize("flags", [0, RUNNABLE], ids=["not-runnable", "runnable"])
def test_create_makes_a_rec(rec_draft: RecDraft, flags: int) -> None:
    """RMI_REC_CREATE, success (RECC-33)."""
    assert rec_draft.create(flags=flags) == Succeeds()


def test_create_consumes_rec_and_aux_granules(rmi: Rmi, rec_draft: RecDraft) -> None:
    """RMI_REC_CREATE, success: none of the granules is just DELEGATED any more."""
    rec_draft.create().require()
    for granule in (rec_draft.rec, *rec_draft.aux):
        assert rmi.granule_undelegate(granule) == Fails("gran_state")


@pytest.mark.parametrize("kind", kinds_but("undelegated"))
def test_params_must_lie_in_the_normal_world(rec_draft: RecDraft, zoo: Zoo, kind: str) -> None:
    """RMI_REC_CREATE, params_align, params_bound, params_pas (RECC-01..05)."""
    params = zoo.instead_of("undelegated", kind)
    assert rec_draft.create(params_ptr=params) == Fails(refusal("params", kind, state="pas"))


@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800])
def test_valid_params_must_be_aligned(rec_draft: RecDraft, offset_bytes: int) -> None:
    """RMI_REC_CREATE, params_align: nothing is wrong but the address (RECC-01)."""
    area = rec_draft.world.page(count=2)
    rec_draft.world.write(area + offset_bytes, rec_draft.params())
    assert rec_draft.create(params_ptr=area + offset_bytes) == Fails("params_align")


@pytest.mark.parametrize("kind", kinds_but("delegated"))
def test_rec_must_be_a_delegated_granule(rec_draft: RecDraft, zoo: Zoo, kind: str) -> None:
    """RMI_REC_CREATE, rec_align, rec_bound, rec_state (RECC-06..13)."""
    rec = zoo.instead_of("delegated", kind)
    assert rec_draft.create(rec=rec) == Fails(refusal("rec", kind))


@pytest.mark.parametrize("kind", kinds_but("rd"))
def test_rd_must_be_an_rd(rec_draft: RecDraft, zoo: Zoo, kind: str) -> None:
    """RMI_REC_CREATE, rd_align, rd_bound, rd_state (RECC-14..21)."""
    assert rec_draft.create(rd=zoo.instead_of("rd", kind)) == Fails(refusal("rd", kind))


@pytest.mark.parametrize("state", ["ACTIVE", "SYSTEM_OFF"])
def test_a_realm_that_is_not_new_gets_no_rec(
    make_rec_draft: MakeRecDraft, realm: Realm, state: str
) -> None:
    """RMI_REC_CREATE, realm_state (RECC-22, RECC-23)."""
    advance(realm, state)
    assert make_rec_draft(realm).create() == Fails("realm_state")


def test_realm_state_is_looked_at_before_mpidr_and_aux(
    make_rec_draft: MakeRecDraft, realm: Realm
) -> None:
    """RMI_REC_CREATE on an ACTIVE realm: realm_state comes before mpidr_index and num_aux."""
    advance(realm, "ACTIVE")
    draft = make_rec_draft(realm)
    assert draft.create(mpidr=0x7) == Fails("realm_state")
    assert draft.create(num_aux=0) == Fails("realm_state")


def test_rd_state_is_looked_at_before_mpidr_and_aux(rec_draft: RecDraft) -> None:
    """RMI_REC_CREATE, order: a destroyed realm's RD is no RD, whatever else is wrong."""
    undelegated = rec_draft.world.page()
    assert rec_draft.create(rd=undelegated, mpidr=0x7, num_aux=0) == Fails("rd_state")


@pytest.mark.parametrize("excess", [-1, 1])
def test_the_number_of_aux_granules_must_be_exact(rec_draft: RecDraft, excess: int) -> None:
    """RMI_REC_CREATE, num_aux: one less or one more than RMI_REC_AUX_COUNT (RECC-25)."""
    aux = (*rec_draft.aux, rec_draft.world.delegated())
    number = len(rec_draft.aux) + excess
    assert rec_draft.create(num_aux=number, aux=aux[:number]) == Fails("num_aux")
    rec_draft.world.undelegate(aux[-1])


@pytest.mark.parametrize("number", [MOST_AUX + 1, 1 << 32, 1 << 63])
def test_more_aux_granules_than_parameters_hold_are_refused(
    rec_draft: RecDraft, number: int
) -> None:
    """RMI_REC_CREATE, num_aux_max: the list of the parameters has 16 entries."""
    assert rec_draft.create(num_aux=number) == Fails("num_aux_max")


def test_no_aux_granules_are_too_few(rec_draft: RecDraft) -> None:
    """RMI_REC_CREATE, num_aux: the list is empty."""
    if not rec_draft.aux:
        pytest.skip("not on this stack: its RMM needs no auxiliary granules")
    assert rec_draft.create(num_aux=0, aux=()) == Fails("num_aux")


def replaced(draft: RecDraft, place: int, granule: int) -> tuple[int, ...]:
    """The draft's auxiliary granules with one of them replaced."""
    aux = [int(granule) for granule in draft.aux]
    aux[place] = granule
    return tuple(aux)


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("kind", kinds_but("delegated"))
def test_aux_granules_must_be_delegated(
    rec_draft: RecDraft, zoo: Zoo, kind: str, place: int
) -> None:
    """RMI_REC_CREATE, aux_align, aux_state (RECC-26, RECC-28..32)."""
    aux = replaced(rec_draft, place, zoo.instead_of("delegated", kind))
    condition = "aux_align" if kind == "misaligned" else "aux_state"
    assert rec_draft.create(aux=aux) == Fails(condition)


def test_an_aux_granule_cannot_be_used_twice(rec_draft: RecDraft) -> None:
    """RMI_REC_CREATE, aux_alias: the same granule in two places (RECC-27)."""
    aux = replaced(rec_draft, -1, rec_draft.aux[0])
    assert rec_draft.create(aux=aux) == Fails("aux_alias")


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_the_rec_granule_cannot_be_an_aux_granule(rec_draft: RecDraft, place: int) -> None:
    """RMI_REC_CREATE, aux_alias: an auxiliary granule is the REC itself."""
    aux = replaced(rec_draft, place, rec_draft.rec)
    assert rec_draft.create(aux=aux) == Fails("aux_alias")


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_the_rd_cannot_be_an_aux_granule(rec_draft: RecDraft, place: int) -> None:
    """RMI_REC_CREATE, aux_state: the realm's own RD (RECC-29)."""
    aux = replaced(rec_draft, place, rec_draft.realm.rd)
    assert rec_draft.create(aux=aux) == Fails("aux_state")


def test_a_refused_create_consumes_nothing(rec_draft: RecDraft) -> None:
    """RMI_REC_CREATE: after a failure the same granules and the same index still do."""
    assert rec_draft.create(mpidr=1) == Fails("mpidr_index")
    assert rec_draft.create(num_aux=0) == Fails("num_aux")
    assert rec_draft.create() == Succeeds()


@pytest.mark.parametrize("kind", kinds_but("rd"))
def test_aux_count_takes_nothing_but_an_rd(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_REC_AUX_COUNT, rd_align, rd_bound, rd_state (RAUX-01..08)."""
    result = rmi.rec_aux_count(zoo.instead_of("rd", kind))
    assert result == Fails(refusal("rd", kind), outputs={"aux_count": 0})


def test_aux_count_fits_the_parameters(realm: Realm) -> None:
    """RMI_REC_AUX_COUNT, success: no more than RmiRecParams can list (RAUX-09)."""
    assert 0 <= realm.rmi.rec_aux_count(realm.rd).require().aux_count <= MOST_AUX


def test_aux_count_does_not_change_in_the_life_of_a_realm(make_realm: MakeRealm) -> None:
    """RMI_REC_AUX_COUNT: the same before and after RECs and activation."""
    realm = make_realm()
    before = realm.aux_count
    realm.add_rec()
    realm.activate()
    assert realm.rmi.rec_aux_count(realm.rd) == Succeeds(aux_count=before)
