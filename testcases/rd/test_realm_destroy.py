# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REALM_DESTROY: in every state, when nothing of the realm is left."""

from __future__ import annotations

import pytest

from harness.machine import Machine
from harness.plugin.fixtures import MakeRealm
from harness.plugin.prepared import MakeDraft
from harness.realm import Realm, RealmDraft, Zoo
from harness.realm.state import REALM_STATES, advance
from harness.realm.zoo import kinds_but, refusal
from harness.rmi import Fails, Rmi, Succeeds
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]


def test_destroy_returns_rd_and_root_tables(rmi: Rmi, realm_draft: RealmDraft) -> None:
    """RMI_REALM_DESTROY, success: all granules are DELEGATED again (RDD-10)."""
    realm_draft.create().require()
    assert rmi.realm_destroy(realm_draft.rd) == Succeeds()
    granules = [realm_draft.rd, *(realm_draft.root + n * GRANULE_BYTES for n in range(2))]
    for granule in granules:
        assert rmi.granule_undelegate(granule) == Succeeds()
        assert rmi.granule_delegate(granule) == Succeeds()
    realm_draft.created = False


@pytest.mark.parametrize("state", REALM_STATES)
def test_destroy_works_in_every_state(rmi: Rmi, realm: Realm, state: str) -> None:
    """RMI_REALM_DESTROY has no condition on the realm's state in RMM 1.0."""
    advance(realm, state)
    for rec in realm.recs:
        rec.destroy()
    realm.recs.clear()
    realm.tables.tear_down()
    assert rmi.realm_destroy(realm.rd) == Succeeds()
    assert rmi.realm_destroy(realm.rd) == Fails("rd_state")
    realm.give_back()


@pytest.mark.parametrize("kind", kinds_but("rd"))
def test_destroy_takes_nothing_but_an_rd(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_REALM_DESTROY, rd_align, rd_bound, rd_state (RDD-01..08)."""
    assert rmi.realm_destroy(zoo.instead_of("rd", kind)) == Fails(refusal("rd", kind))


def test_a_realm_with_a_rec_is_live(realm: Realm) -> None:
    """RMI_REALM_DESTROY, realm_live: a REC is left (RDD-09)."""
    rec = realm.add_rec()
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")
    realm.recs.clear()
    rec.destroy()
    realm.destroy()


def test_a_realm_is_live_until_its_last_rec_is_gone(realm: Realm) -> None:
    """RMI_REALM_DESTROY, realm_live: one REC of three is as good as three."""
    for _ in range(3):
        realm.add_rec()
    for rec in realm.recs:
        assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")
        rec.destroy()
    realm.recs.clear()


@pytest.mark.parametrize("half", ["protected", "unprotected"])
def test_a_realm_with_a_table_is_live(realm: Realm, half: str) -> None:
    """RMI_REALM_DESTROY, realm_live: an empty table below a root table (RDD-09)."""
    ipa = realm.unprotected_base if half == "unprotected" else 0
    realm.tables.create(ipa, 2)
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")


@pytest.mark.parametrize("state", ["NEW", "ACTIVE"])
def test_a_realm_with_data_is_live(realm: Realm, state: str) -> None:
    """RMI_REALM_DESTROY, realm_live: data and the tables that map it (RDD-09)."""
    realm.map_unknown(0)
    advance(realm, state)
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")


@pytest.mark.parametrize("table", [0, 1, 3])
def test_every_root_table_counts(make_realm: MakeRealm, table: int) -> None:
    """RMI_REALM_DESTROY, realm_live: the live entry is in another of four root tables."""
    realm = make_realm(ipa_width=32, start_level=2)
    realm.tables.create(table << 30, 3)
    assert realm.rmi.realm_destroy(realm.rd) == Fails("realm_live")


def test_shared_memory_does_not_keep_a_realm(make_realm: MakeRealm) -> None:
    """RMI_REALM_DESTROY: a block of shared memory in a root table is not live."""
    realm = make_realm(ipa_width=40, start_level=1)
    realm.tables.map_unprotected(realm.unprotected_base, 0x8000_0000, 1)
    assert realm.rmi.realm_destroy(realm.rd) == Succeeds()
    realm.give_back()


def test_root_tables_belong_to_the_realm_until_it_is_gone(rmi: Rmi, realm: Realm) -> None:
    """Tear-down order: a root table is never the host's before RMI_REALM_DESTROY."""
    realm.tables.tear_down()
    assert rmi.granule_undelegate(realm.root) == Fails("gran_state")
    realm.destroy()
    assert rmi.granule_undelegate(realm.root) == Fails("gran_state")
    assert realm.world.peek(realm.root).ok


def test_the_same_granules_make_the_next_realm(rmi: Rmi, make_draft: MakeDraft) -> None:
    """Create and destroy one realm repeatedly, without undelegating in between (RD-01)."""
    draft = make_draft()
    for _ in range(10):
        assert draft.create() == Succeeds()
        assert rmi.realm_destroy(draft.rd) == Succeeds()
    draft.created = False


@pytest.mark.requires("mailbox")
def test_destroy_wipes_rd_and_root_tables(
    rmi: Rmi, realm_draft: RealmDraft, machine: Machine
) -> None:
    """RMI_REALM_DESTROY, success: the granules are wiped before anybody gets them."""
    realm_draft.create(rpv=b"secret" * 10).require()
    rmi.realm_destroy(realm_draft.rd).require()
    realm_draft.created = False
    assert machine.ram.is_zero(realm_draft.rd, GRANULE_BYTES)
    for number in range(realm_draft.root_granules):
        assert machine.ram.is_zero(Pa(realm_draft.root + number * GRANULE_BYTES), GRANULE_BYTES)
