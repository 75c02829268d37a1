# SPDX-License-Identifier: BSD-3-Clause
"""Invariants of granules: each is used for what its state says, once, by its owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from harness.model.invariants.rule import Invariant
from harness.model.rtt import ENTRIES, Hipas, Table, entry_bytes
from harness.model.state import Granule, GranuleState, Realm, State
from harness.types import GRANULE_BYTES, is_granule_aligned


def uses(state: State) -> Iterator[tuple[int, Granule]]:
    """Every granule that some object lies in, with the state that this asks for."""
    for realm in state.realms.values():
        yield realm.rd, Granule(GranuleState.RD, realm.rd)
        for pa, table in realm.rtts.items():
            yield pa, Granule(GranuleState.RTT, realm.rd)
            yield from _data(realm, table)
    for rec in state.recs.values():
        yield rec.pa, Granule(GranuleState.REC, rec.rd)
        yield from ((pa, Granule(GranuleState.REC_AUX, rec.rd)) for pa in rec.aux)


def _data(realm: Realm, table: Table) -> Iterator[tuple[int, Granule]]:
    size_bytes = entry_bytes(table.level)
    known = range(ENTRIES) if table.default.is_mapped else table.overrides
    for index in known:
        entry = table.entry(index)
        if entry.hipas is Hipas.ASSIGNED:
            granule = Granule(GranuleState.DATA, realm.rd)
            pages = range(entry.pa, entry.pa + size_bytes, GRANULE_BYTES)
            yield from ((pa, granule) for pa in pages)


def _used_twice(state: State) -> Iterable[str]:
    counts = Counter(pa for pa, _ in uses(state))
    return (f"{pa:#x} is used {n} times" for pa, n in counts.items() if n > 1)


def _wrong_state(state: State) -> Iterable[str]:
    wanted = dict(uses(state))
    in_use = {
        pa: granule
        for pa, granule in state.granules.items()
        if granule.state is not GranuleState.DELEGATED
    }
    for pa in sorted(wanted.keys() | in_use.keys()):
        if wanted.get(pa) != in_use.get(pa):
            yield f"{pa:#x} is {in_use.get(pa)}, its use asks for {wanted.get(pa)}"


def _not_delegable(state: State) -> Iterable[str]:
    layout = state.platform.layout
    for pa in state.granules:
        if not (is_granule_aligned(pa) and layout.is_tracked(pa) and layout.is_ns(pa)):
            yield f"{pa:#x}"


def _odd_delegated(state: State) -> Iterable[str]:
    for pa, granule in state.granules.items():
        free = granule.state is GranuleState.DELEGATED
        if granule.state is GranuleState.UNDELEGATED or free is not (granule.owner is None):
            yield f"{pa:#x} is {granule}"


GRANULES = (
    Invariant(
        "GRAN-1",
        "a granule is used for one thing, in one realm",
        "state-machines 1, granule states are exclusive",
        _used_twice,
    ),
    Invariant(
        "GRAN-2",
        "RD, REC, REC_AUX, RTT and DATA granules are exactly where realms say, with that owner",
        "state-machines 1, entered by / left by",
        _wrong_state,
    ),
    Invariant(
        "GRAN-3",
        "only delegable Non-secure DRAM is ever delegated",
        "RMI_GRANULE_DELEGATE, gran_bound and gran_gpt",
        _not_delegable,
    ),
    Invariant(
        "GRAN-4",
        "a granule that is just DELEGATED has no owner, every other one has",
        "state-machines 1",
        _odd_delegated,
    ),
)
