# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REALM_ACTIVATE: from NEW to ACTIVE, once."""

from __future__ import annotations

import pytest

from harness.realm import Realm, Zoo
from harness.realm.state import advance
from harness.realm.zoo import kinds_but, refusal
from harness.rmi import Fails, Rmi, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]


def test_activate_takes_a_new_realm(realm: Realm) -> None:
    """RMI_REALM_ACTIVATE, success (RDA-11)."""
    assert realm.rmi.realm_activate(realm.rd) == Succeeds()


@pytest.mark.parametrize("state", ["ACTIVE", "SYSTEM_OFF"])
def test_activate_wants_a_new_realm(realm: Realm, state: str) -> None:
    """RMI_REALM_ACTIVATE, realm_state (RDA-09)."""
    advance(realm, state)
    assert realm.rmi.realm_activate(realm.rd) == Fails("realm_state")


@pytest.mark.parametrize("kind", kinds_but("rd"))
def test_activate_takes_nothing_but_an_rd(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_REALM_ACTIVATE, rd_align, rd_bound, rd_state (RDA-01..08)."""
    assert rmi.realm_activate(zoo.instead_of("rd", kind)) == Fails(refusal("rd", kind))


def test_a_destroyed_realm_cannot_be_activated(rmi: Rmi, realm: Realm) -> None:
    """RMI_REALM_ACTIVATE, rd_state: the RD is a granule like any other again (RDA-10)."""
    realm.destroy()
    assert rmi.realm_activate(realm.rd) == Fails("rd_state")


def test_realms_are_activated_one_by_one(realm: Realm, zoo: Zoo) -> None:
    """RMI_REALM_ACTIVATE concerns the realm that it names and no other."""
    assert realm.rmi.realm_activate(zoo["rd"]) == Succeeds()
    assert realm.rmi.realm_activate(realm.rd) == Succeeds()
