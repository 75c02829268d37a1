# SPDX-License-Identifier: BSD-3-Clause
"""What the rules for the RMM are about; with a fault planted in the RMM they are broken here."""

from __future__ import annotations

import pytest

from harness.realm import NormalWorld, Realm
from harness.rmi import Fails, Succeeds
from harness.types import Ipa

IPA = Ipa(1 << 30)


@pytest.mark.rmi
def test_gpt_changed(ns: NormalWorld) -> None:
    """A delegation is done at EL3 too, and so is the way back."""
    assert ns.try_undelegate(ns.delegated()) == Succeeds()


@pytest.mark.realm
@pytest.mark.requires("realms")
def test_live_table(realm: Realm) -> None:
    """A table with a table below it is not destroyed."""
    realm.tables.ensure(IPA, 3)
    assert realm.rmi.rtt_destroy(realm.rd, IPA & -(1 << 30), 2) == Fails("rtt_live", index=2)


@pytest.mark.realm
@pytest.mark.requires("realms")
def test_model_verdict(realm: Realm) -> None:
    """All answers on the way from nothing to a table and back are those of the tables."""
    realm.tables.ensure(IPA, 3)
    answer = realm.rmi.rtt_destroy(realm.rd, IPA, 3)
    realm.world.undelegate(answer.rtt)
    assert answer == Succeeds()
