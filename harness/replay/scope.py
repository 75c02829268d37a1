# SPDX-License-Identifier: BSD-3-Clause
"""What a call that fails must leave alone, by what the model knows of the state before it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.model import Call, GranuleState, State
from harness.model.rtt import ENTRIES, LAST_LEVEL, Table
from harness.model.scenarios import Step
from harness.realm.observe import EntryAt, Scope
from harness.types import GRANULE_BYTES, align_down

_OF_REC = frozenset({GranuleState.REC, GranuleState.REC_AUX})
_IPAS = frozenset({"ipa", "base", "top"})
_MOST_ENTRIES = 16


def scope_of(state: State, final: Step, program: frozenset[int]) -> Scope:
    """Everything that belongs to the RMM, the arguments of the call, entries of all tables.

    Left out is what changes while a realm runs: its RECs, and its memory at ``program``.
    """
    changing = _changing(state, program)
    contents = {
        pa: granule.state.value for pa, granule in state.granules.items() if pa not in changing
    }
    named = _named(state, final) if isinstance(final, Call) else ()
    contents |= {pa: "page" for pa in named if pa not in state.granules}
    return Scope(contents, (*state.granules, *(set(named) - set(state.granules))), _entries(state))


def _changing(state: State, program: frozenset[int]) -> set[int]:
    active = {rec.rd for rec in state.recs.values() if rec.running is not None}
    found = {
        pa
        for pa, granule in state.granules.items()
        if granule.owner in active and granule.state in _OF_REC
    }
    for rd in active:
        realm = state.realms[rd]
        found |= {realm.walk(ipa, LAST_LEVEL).entry.pa for ipa in program}
    return found


def _named(state: State, final: Call) -> tuple[int, ...]:
    """Granules of the normal world that are arguments of the call."""
    inputs = final.command.inputs if final.command else ()
    bases = {
        align_down(arg, GRANULE_BYTES)
        for register, arg in zip(inputs, final.args, strict=True)
        if register.type == "Address" and register.name not in _IPAS
    }
    return tuple(base for base in bases if state.platform.layout.is_ns(base))


def _entries(state: State) -> tuple[EntryAt, ...]:
    return tuple(
        EntryAt(rd, table.ipa(index), table.level)
        for rd, realm in state.realms.items()
        for table in realm.rtts.values()
        for index in _indexes(table)
        if table.ipa(index) < realm.ipa_top
    )


def _indexes(table: Table) -> Iterator[int]:
    """Entries that say something of their own, and both ends of the table."""
    yield from {0, ENTRIES - 1, *list(table.overrides)[:_MOST_ENTRIES]}
