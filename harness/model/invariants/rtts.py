# SPDX-License-Identifier: BSD-3-Clause
"""Invariants of translation tables: the tree, its entries, and what walks may rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from harness.model.invariants.rule import Invariant
from harness.model.rtt import (
    ENTRIES,
    LAST_LEVEL,
    UNASSIGNED_NS,
    Entry,
    Hipas,
    Ripas,
    Table,
    entry_bytes,
)
from harness.model.state import Realm, State

_PROTECTED = frozenset({Hipas.UNASSIGNED, Hipas.ASSIGNED, Hipas.TABLE})
_UNPROTECTED = frozenset({Hipas.UNASSIGNED_NS, Hipas.ASSIGNED_NS, Hipas.TABLE})


def _tables(state: State) -> Iterator[tuple[Realm, int, Table]]:
    for realm in state.realms.values():
        for pa, table in realm.rtts.items():
            yield realm, pa, table


def _entries(state: State) -> Iterator[tuple[Realm, Table, int, Entry]]:
    """Entries that differ from the default, and the first that does not."""
    for realm, _, table in _tables(state):
        for index, entry in table.overrides.items():
            yield realm, table, index, entry
        yield realm, table, 0, table.plain(0)


def _parents(state: State) -> Iterable[str]:
    for realm in state.realms.values():
        links: Counter[int] = Counter(realm.root_pas)
        for table in realm.rtts.values():
            links.update(e.pa for e in table.overrides.values() if e.hipas is Hipas.TABLE)
        for pa in links.keys() | realm.rtts.keys():
            if links[pa] != 1 or pa not in realm.rtts:
                yield f"table {pa:#x} of {realm.rd:#x} has {links[pa]} links to it"


def _places(state: State) -> Iterable[str]:
    for realm, table, index, entry in _entries(state):
        if entry.hipas is Hipas.TABLE and entry.pa in realm.rtts:
            child = realm.rtts[entry.pa]
            if (child.level, child.base) != (table.level + 1, table.ipa(index)):
                yield f"table {entry.pa:#x} is at level {child.level}, IPA {child.base:#x}"


def _roots(state: State) -> Iterable[str]:
    for realm in state.realms.values():
        size_bytes = ENTRIES * entry_bytes(realm.start_level)
        for number, pa in enumerate(realm.root_pas):
            root = realm.rtts.get(pa)
            if root and (root.level, root.base) != (realm.start_level, number * size_bytes):
                yield f"root table {number} of {realm.rd:#x}"


def _halves(state: State) -> Iterable[str]:
    for realm, table, index, entry in _entries(state):
        allowed = _PROTECTED if realm.is_protected(table.ipa(index)) else _UNPROTECTED
        if entry.hipas not in allowed:
            yield f"{entry} at {table.ipa(index):#x}"


def _ripas(state: State) -> Iterable[str]:
    for _, table, index, entry in _entries(state):
        has_ripas = entry.hipas in (Hipas.UNASSIGNED, Hipas.ASSIGNED)
        if entry.ripas is not Ripas.EMPTY and not has_ripas:
            yield f"{entry} at {table.ipa(index):#x}"


def _alignment(state: State) -> Iterable[str]:
    for _, table, index, entry in _entries(state):
        if entry.is_mapped and entry.pa % entry_bytes(table.level):
            yield f"{entry} at level {table.level}, {table.ipa(index):#x}"


def _levels(state: State) -> Iterable[str]:
    for _, table, index, entry in _entries(state):
        allowed = range(1, LAST_LEVEL + 1)
        if entry.hipas is Hipas.TABLE:
            allowed = range(-1, LAST_LEVEL)
        if entry.is_live and table.level not in allowed:
            yield f"{entry} at level {table.level}, {table.ipa(index):#x}"


def _destroyed(state: State) -> Iterable[str]:
    for realm, table, index, entry in _entries(state):
        beyond = table.ipa(index) >= realm.ipa_top
        if beyond and entry != UNASSIGNED_NS:
            yield f"{entry} beyond the IPA space at {table.ipa(index):#x}"


def _sparse(state: State) -> Iterable[str]:
    for _, pa, table in _tables(state):
        if any(not 0 <= i < ENTRIES or e == table.plain(i) for i, e in table.overrides.items()):
            yield f"table {pa:#x}"


_WALK = "state-machines 4, walk, liveness, top"

RTTS = (
    Invariant("RTT-1", "each table hangs on one entry, or is a root", _WALK, _parents),
    Invariant("RTT-2", "a table lies one level below its entry, at its IPA", _WALK, _places),
    Invariant("RTT-3", "root tables lie side by side at the start level", _WALK, _roots),
    Invariant(
        "RTT-4",
        "the protected half has no NS entries, the unprotected half nothing else but tables",
        "state-machines 4, RTT entries",
        _halves,
    ),
    Invariant(
        "RTT-5",
        "tables and unprotected entries have no RIPAS",
        "state-machines 4; RMI_RTT_READ_ENTRY, notes",
        _ripas,
    ),
    Invariant(
        "RTT-6",
        "pages and blocks are aligned to what they map",
        "state-machines 4, fold and unfold",
        _alignment,
    ),
    Invariant(
        "RTT-7",
        "memory is mapped at levels 1 to 3, tables hang at levels above 3",
        "state-machines 4, fold and unfold; level_bound",
        _levels,
    ),
    Invariant("RTT-8", "nothing lies beyond the IPA space", "ipa_bound", _destroyed),
    Invariant("RTT-9", "a table lists only what differs from its default", "(model)", _sparse),
)
