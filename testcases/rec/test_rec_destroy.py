# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REC_DESTROY: in every realm state, unless the REC is running."""

from __future__ import annotations

import pytest

from harness.machine import Machine
from harness.realm import Realm, RecDraft, Zoo
from harness.realm.state import REALM_STATES, advance, running
from harness.realm.zoo import kinds_but, refusal
from harness.rmi import Fails, Rmi, Succeeds
from harness.types import GRANULE_BYTES

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]


def test_destroy_returns_rec_and_aux_granules(rmi: Rmi, rec_draft: RecDraft) -> None:
    """RMI_REC_DESTROY, success: all granules are DELEGATED again (RECD-09)."""
    rec_draft.create().require()
    assert rmi.rec_destroy(rec_draft.rec) == Succeeds()
    for granule in (rec_draft.rec, *rec_draft.aux):
        assert rmi.granule_undelegate(granule) == Succeeds()
    rec_draft.realm.recs.clear()


@pytest.mark.parametrize("state", REALM_STATES)
def test_destroy_works_in_every_realm_state(realm: Realm, state: str) -> None:
    """RMI_REC_DESTROY has no condition on the realm's state."""
    realm.add_rec()
    advance(realm, state)
    rec = realm.recs.pop(0)
    rec.destroy()
    assert realm.rmi.rec_destroy(rec.pa) == Fails("rec_gran_state")


@pytest.mark.parametrize("kind", kinds_but("rec"))
def test_destroy_takes_nothing_but_a_rec(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_REC_DESTROY, rec_align, rec_bound, rec_gran_state (RECD-01..08)."""
    rec = zoo.instead_of("rec", kind)
    assert rmi.rec_destroy(rec) == Fails(refusal("rec", kind, state="gran_state"))


def test_a_rec_is_destroyed_once(rmi: Rmi, rec_draft: RecDraft) -> None:
    """RMI_REC_DESTROY, rec_gran_state: the granule is just DELEGATED afterwards."""
    rec_draft.create().require()
    assert rmi.rec_destroy(rec_draft.rec) == Succeeds()
    assert rmi.rec_destroy(rec_draft.rec) == Fails("rec_gran_state")
    rec_draft.realm.recs.clear()
    rec_draft.created = False


@pytest.mark.requires("mailbox")
def test_destroy_wipes_rec_and_aux_granules(
    rmi: Rmi, rec_draft: RecDraft, machine: Machine
) -> None:
    """RMI_REC_DESTROY, success: wiped before anybody gets the granules."""
    rec_draft.create(pc=0x1234_5678, gprs=(0xAAAA_AAAA,) * 8).require()
    assert not machine.ram.is_zero(rec_draft.rec, GRANULE_BYTES)
    rmi.rec_destroy(rec_draft.rec).require()
    for granule in (rec_draft.rec, *rec_draft.aux):
        assert machine.ram.is_zero(granule, GRANULE_BYTES)
    rec_draft.realm.recs.clear()
    rec_draft.created = False


def test_a_running_rec_cannot_be_destroyed(realm: Realm, second_pe: int) -> None:
    """RMI_REC_DESTROY, rec_state: refused while another PE runs it (REC-06)."""
    with running(realm, pe=second_pe) as rec:
        assert realm.rmi.rec_destroy(rec.pa) == Fails("rec_state")
    realm.recs.remove(rec)
    rec.destroy()
