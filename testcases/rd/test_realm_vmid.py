# SPDX-License-Identifier: BSD-3-Clause
"""VMIDs: one living realm each, free again when it is gone."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.plugin.prepared import MakeDraft
from harness.realm import NormalWorld, RealmDraft
from harness.rmi import Fails, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

VMID_BITS_16 = 2


def vmid_bits(ns: NormalWorld) -> int:
    """Width of a VMID on this PE: ID_AA64MMFR1_EL1.VMIDBits."""
    field = ns.link.sysreg_read("ID_AA64MMFR1_EL1") >> 4 & 0xF
    return 16 if field == VMID_BITS_16 else 8


def test_a_vmid_in_use_is_refused(make_realm: MakeRealm, realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE, vmid_valid (RDC-34)."""
    other = make_realm()
    assert realm_draft.create(vmid=other.vmid) == Fails("vmid_valid")
    assert realm_draft.create() == Succeeds()


def test_a_vmid_is_free_again_after_destroy(make_realm: MakeRealm, realm_draft: RealmDraft) -> None:
    """RMI_REALM_DESTROY releases the VMID."""
    other = make_realm()
    other.destroy()
    assert realm_draft.create(vmid=other.vmid) == Succeeds()


def test_a_refused_create_does_not_take_the_vmid(make_draft: MakeDraft) -> None:
    """RMI_REALM_CREATE: a failure of another parameter leaves the VMID free."""
    first, second = make_draft(), make_draft()
    assert first.create(hash_algo=0xFF) == Fails("params_valid")
    assert second.create(vmid=first.vmid) == Succeeds()


def test_the_highest_vmid_is_valid(ns: NormalWorld, realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE, success: all bits of a VMID set."""
    assert realm_draft.create(vmid=(1 << vmid_bits(ns)) - 1) == Succeeds()


def test_a_vmid_too_wide_is_refused(ns: NormalWorld, realm_draft: RealmDraft) -> None:
    """RMI_REALM_CREATE, vmid_valid (RDC-33)."""
    if vmid_bits(ns) == 16:
        pytest.skip("not on this machine: its VMIDs have 16 bits, no value is too wide")
    assert realm_draft.create(vmid=1 << vmid_bits(ns)) == Fails("vmid_valid")


def test_many_realms_live_side_by_side(make_realm: MakeRealm) -> None:
    """32 realms, each with RD, root tables and VMID of its own (RD-02)."""
    realms = [make_realm() for _ in range(32)]
    assert len({realm.vmid for realm in realms}) == len(realms)
    for realm in realms[::2]:
        realm.destroy()
    assert all(realm.rmi.rec_aux_count(realm.rd).ok for realm in realms[1::2])
