# SPDX-License-Identifier: BSD-3-Clause
"""The calls that take a state back to nothing, in an order in which each succeeds."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import Call, Hipas, Realm, State, call


def undoing(state: State) -> Iterator[Call]:
    """Destroy RECs, then realms from the last level up, then give the granules back.

    No REC may be running. Every call is expected to succeed.
    """
    for rec in state.recs:
        yield call("RMI_REC_DESTROY", rec)
    for realm in state.realms.values():
        yield from _realm(realm)
    for pa in state.granules:
        yield call("RMI_GRANULE_UNDELEGATE", pa)


def _realm(realm: Realm) -> Iterator[Call]:
    roots = set(realm.root_pas)
    for pa, table in sorted(realm.rtts.items(), key=lambda item: -item[1].level):
        for index, entry in table.overrides.items():
            ipa = table.ipa(index)
            if entry.hipas is Hipas.ASSIGNED:
                yield call("RMI_DATA_DESTROY", realm.rd, ipa)
            elif entry.hipas is Hipas.ASSIGNED_NS:
                yield call("RMI_RTT_UNMAP_UNPROTECTED", realm.rd, ipa, table.level)
        if pa not in roots:
            yield call("RMI_RTT_DESTROY", realm.rd, table.base, table.level)
    yield call("RMI_REALM_DESTROY", realm.rd)
