# SPDX-License-Identifier: BSD-3-Clause
"""Take a state apart, call by call and compared, until nothing is left of it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import Hipas, Realm
from harness.model.rtt import ENTRIES, LAST_LEVEL, Table
from harness.oracle.disagree import Disagreement
from harness.oracle.duel import Duel
from harness.oracle.steps import Issue, Step, Wake

_SUCCESS = " success"


def tear_down(duel: Duel) -> None:
    """Bring model and machine back to where no granule is delegated; Disagreement if not."""
    for pe in list(duel.naps.on):
        duel.play(Wake(pe))
    for rec in list(duel.state.recs):
        _must(duel, Issue("RMI_REC_DESTROY", (rec,)))
    for rd in list(duel.state.realms):
        for made in _realm(duel, rd):
            _must(duel, made)
    for pa in list(duel.state.granules):
        _must(duel, Issue("RMI_GRANULE_UNDELEGATE", (pa,)))


def _must(duel: Duel, made: Step) -> None:
    came = duel.play(made)
    if came is None or not came.endswith(_SUCCESS):
        raise Disagreement("tear-down", "a step that succeeds", f"{made}: {came}")


def _realm(duel: Duel, rd: int) -> Iterator[Step]:
    while (block := _block(duel.state.realms[rd])) is not None:
        table, index = block
        spare = next(pa for pa in duel.ground.pool if pa not in duel.state.granules)
        yield Issue("RMI_GRANULE_DELEGATE", (spare,))
        yield Issue("RMI_RTT_CREATE", (rd, spare, table.ipa(index), table.level + 1))
    realm = duel.state.realms[rd]
    for table in sorted(realm.rtts.values(), key=lambda t: -t.level):
        for index in _assigned(table):
            yield Issue("RMI_DATA_DESTROY", (rd, table.ipa(index)))
        if table.level > realm.start_level:
            yield Issue("RMI_RTT_DESTROY", (rd, table.base, table.level))
    yield Issue("RMI_REALM_DESTROY", (rd,))


def _block(realm: Realm) -> tuple[Table, int] | None:
    """Protected memory that is mapped by a block: only pages can be destroyed."""
    for table in realm.rtts.values():
        if table.level < LAST_LEVEL:
            for index in _assigned(table):
                return table, index
    return None


def _assigned(table: Table) -> list[int]:
    numbers = range(ENTRIES) if table.default.hipas is Hipas.ASSIGNED else sorted(table.overrides)
    return [index for index in numbers if table.entry(index).hipas is Hipas.ASSIGNED]
