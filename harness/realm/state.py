# SPDX-License-Identifier: BSD-3-Clause
"""Bring a bare realm or its REC into a state, without the payload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from harness.abi import tables
from harness.errors import RealmError
from harness.realm import a64
from harness.realm.exits import PsciExit
from harness.realm.realm import Realm
from harness.realm.rec import Rec
from harness.realm.unwind import afterwards
from harness.types import Ipa

REALM_STATES = ("NEW", "ACTIVE", "SYSTEM_OFF")
"""The states of the RMM specification, in the order in which a realm passes them."""

CODE = Ipa(0x4000_0000)
"""Where :func:`add_code` puts a page of code."""

_STOP_SGI = 1


def add_code(realm: Realm, words: Sequence[int]) -> Rec:
    """Give a NEW realm a page of A64 instructions, and a REC that starts there."""
    realm.map_data(CODE, a64.image(*words))
    return realm.add_rec(pc=CODE)


def add_switch_off(realm: Realm) -> Rec:
    """Give a NEW realm a REC whose code calls PSCI_SYSTEM_OFF at once."""
    off = a64.mov(0, tables().command("PSCI_SYSTEM_OFF").fid)
    return add_code(realm, (*off, a64.smc(), a64.branch(0)))


def advance(realm: Realm, state: str) -> None:
    """Take a NEW realm to ``state``; RealmError if it does not get there.

    On the way to SYSTEM_OFF the realm gets a page of code, and a REC that executes it.
    """
    if state == "NEW":
        return
    if state == "SYSTEM_OFF":
        add_switch_off(realm)
    realm.activate()
    if state == "SYSTEM_OFF":
        seen = realm.recs[-1].enter()
        if not isinstance(seen, PsciExit):
            raise RealmError(f"wanted the exit of PSCI_SYSTEM_OFF, seen {seen.describe()}")


@contextmanager
def running(realm: Realm, *, pe: int) -> Iterator[Rec]:
    """Activate a NEW realm and run a REC of it on ``pe`` for the length of the block.

    Its code spins; an interrupt from PE 0 ends it.
    """
    link = realm.world.link
    rec = add_code(realm, [a64.branch(0)])
    realm.activate()
    entry = rec.start(pe=pe)

    def stop() -> None:
        link.sgi(pe, _STOP_SGI)
        entry.wait()
        link.irq_ack(pe=pe)

    with afterwards(stop):
        realm.wait_running(rec)
        yield rec
