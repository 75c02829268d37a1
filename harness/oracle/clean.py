# SPDX-License-Identifier: BSD-3-Clause
"""Take a state apart, call by call and compared, until nothing is left of it."""

from __future__ import annotations

from harness.oracle.disagree import Disagreement
from harness.oracle.duel import Duel
from harness.oracle.steps import Issue, Step, Wake
from harness.replay.undo import block_of, undoing

_SUCCESS = " success"


def tear_down(duel: Duel) -> None:
    """Bring model and machine back to where no granule is delegated; Disagreement if not."""
    for pe in list(duel.naps.on):
        duel.play(Wake(pe))
    for rd in list(duel.state.realms):
        _unfold(duel, rd)
    for made in undoing(duel.state):
        _must(duel, Issue(made.name, made.args))


def _unfold(duel: Duel, rd: int) -> None:
    """Make pages of all blocks of data."""
    while (block := block_of(duel.state.realms[rd])) is not None:
        table, index = block
        spare = next(pa for pa in duel.ground.pool if pa not in duel.state.granules)
        _must(duel, Issue("RMI_GRANULE_DELEGATE", (spare,)))
        _must(duel, Issue("RMI_RTT_CREATE", (rd, spare, table.ipa(index), table.level + 1)))


def _must(duel: Duel, made: Step) -> None:
    came = duel.play(made)
    if came is None or not came.endswith(_SUCCESS):
        raise Disagreement("tear-down", "a step that succeeds", f"{made}: {came}")
