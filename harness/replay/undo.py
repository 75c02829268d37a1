# SPDX-License-Identifier: BSD-3-Clause
"""The calls that take a state back to nothing, in an order in which each succeeds."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import Call, Hipas, Realm, State, call
from harness.model.rtt import ENTRIES, LAST_LEVEL, Table


def undoing(state: State) -> Iterator[Call]:
    """Destroy RECs, then realms from the last level up, then give the granules back.

    No REC may be running, and no realm may have a block of data: only pages can be destroyed
    (see ``block_of``). Every call is expected to succeed.
    """
    for rec in state.recs:
        yield call("RMI_REC_DESTROY", rec)
    for realm in state.realms.values():
        yield from _realm(realm)
    for pa in state.granules:
        yield call("RMI_GRANULE_UNDELEGATE", pa)


def block_of(realm: Realm) -> tuple[Table, int] | None:
    """Protected memory that is mapped by a block: a table and the index of its entry."""
    for table in realm.rtts.values():
        if table.level < LAST_LEVEL:
            for index in _assigned(table):
                return table, index
    return None


def _realm(realm: Realm) -> Iterator[Call]:
    roots = set(realm.root_pas)
    for pa, table in sorted(realm.rtts.items(), key=lambda item: -item[1].level):
        for index in _assigned(table):
            yield call("RMI_DATA_DESTROY", realm.rd, table.ipa(index))
        for index, entry in table.overrides.items():
            if entry.hipas is Hipas.ASSIGNED_NS:
                yield call("RMI_RTT_UNMAP_UNPROTECTED", realm.rd, table.ipa(index), table.level)
        if pa not in roots:
            yield call("RMI_RTT_DESTROY", realm.rd, table.base, table.level)
    yield call("RMI_REALM_DESTROY", realm.rd)


def _assigned(table: Table) -> list[int]:
    numbers = range(ENTRIES) if table.default.hipas is Hipas.ASSIGNED else sorted(table.overrides)
    return [index for index in numbers if table.entry(index).hipas is Hipas.ASSIGNED]
