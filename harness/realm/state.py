# SPDX-License-Identifier: BSD-3-Clause
"""Bring a bare realm into one of its states, without the payload."""

from __future__ import annotations

from harness.abi import tables
from harness.errors import RealmError
from harness.realm import a64
from harness.realm.exits import PsciExit
from harness.realm.realm import Realm
from harness.types import Ipa

REALM_STATES = ("NEW", "ACTIVE", "SYSTEM_OFF")
"""The states of the RMM specification, in the order in which a realm passes them."""

CODE = Ipa(0x4000_0000)
"""Where the page of code lies that switches a realm off."""


def advance(realm: Realm, state: str) -> None:
    """Take a NEW realm to ``state``; RealmError if it does not get there.

    On the way to SYSTEM_OFF the realm gets a page of code, and a REC that executes it.
    """
    if state == "NEW":
        return
    if state == "SYSTEM_OFF":
        off = a64.mov(0, tables().command("PSCI_SYSTEM_OFF").fid)
        code = (*off, a64.smc(), a64.branch(0))
        realm.map_data(CODE, b"".join(word.to_bytes(4, "little") for word in code))
        realm.add_rec(pc=CODE)
    realm.activate()
    if state == "SYSTEM_OFF":
        seen = realm.recs[-1].enter()
        if not isinstance(seen, PsciExit):
            raise RealmError(f"wanted the exit of PSCI_SYSTEM_OFF, seen {seen.describe()}")
