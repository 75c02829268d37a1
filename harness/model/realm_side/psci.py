# SPDX-License-Identifier: BSD-3-Clause
"""PSCI calls of a realm, and the other SMCs that are no RSI call (exits.md 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.abi import tables
from harness.model import psci
from harness.model.calls import shown
from harness.model.outcome import Continues, Exits, Outcome, exits
from harness.model.realm_side.activity import Smc
from harness.model.state import PsciRequest, RealmState, Rec, State
from harness.model.verdict import Answer, Registers, Verdict

_T = tables()
_FEATURE_NAMES = [name for name in _T.commands if name.startswith("PSCI_")]
_FEATURES = frozenset(_T.command(name).fid for name in _FEATURE_NAMES)
_SMCCC = _T.command("SMCCC_VERSION").fid
_ZEROED = (0, 0, 0)
_KEPT = range(4, 8)


def returned(name: str, x0: int, *rest: int) -> Continues:
    """The call is over and the realm sees x0.."""
    return Continues(Verdict(name, name, (Answer((x0, *rest)),)))


def resumed(reply: int, kept: Registers) -> Continues:
    """The realm resumes after an exit: x0 is the result, x1..x6 are zero, x7 is its own.

    The clause of the exits says so, that of RMI_PSCI_COMPLETE has x1..x3 only: x4..x6 may be
    the realm's own, too. ``kept`` is x4..x7 of the call.
    """
    zeroed = (reply, *_ZEROED, *_ZEROED, *kept[-1:])
    answers = (Answer(zeroed), Answer((reply, *_ZEROED, *kept)))
    return Continues(Verdict("PSCI", "PSCI", answers))


def _kept(act: Smc) -> Registers:
    return tuple(act.x[n] if n < len(act.x) else None for n in _KEPT)


def _exit(act: Smc, *shown_to_host: int) -> Exits:
    return exits("PSCI", gprs=(act.arg(0), *shown_to_host))


def _version(state: State, _rec: Rec, act: Smc) -> tuple[Outcome, State]:
    return _answer(act, psci.VERSION), state


def _smccc_version(state: State, _rec: Rec, act: Smc) -> tuple[Outcome, State]:
    return _answer(act, psci.SMCCC_VERSION), state


def _features(state: State, _rec: Rec, act: Smc) -> tuple[Outcome, State]:
    """SMCCC_VERSION may be reported or not."""
    known = psci.SUCCESS if act.arg(1) in _FEATURES else psci.NOT_SUPPORTED
    if act.arg(1) == _SMCCC:
        return _answer(act, psci.SUCCESS, psci.NOT_SUPPORTED), state
    return _answer(act, known), state


def _suspend(state: State, rec: Rec, act: Smc) -> tuple[Outcome, State]:
    return _exit(act), state.with_rec(replace(rec, psci_reply=psci.SUCCESS, psci_kept=_kept(act)))


def _off(state: State, rec: Rec, act: Smc) -> tuple[Outcome, State]:
    return _exit(act), state.with_rec(replace(rec, is_runnable=False))


def _on(state: State, rec: Rec, act: Smc) -> tuple[Outcome, State]:
    realm = state.realms[rec.rd]
    target, entry_point, context_id = (act.arg(n) for n in (1, 2, 3))
    if not realm.is_protected(entry_point):
        return _answer(act, psci.INVALID_ADDRESS), state
    index = _known_index(state, rec, target)
    if index is None or index == rec.index:
        refusal = psci.INVALID_PARAMETERS if index is None else psci.ALREADY_ON
        return _answer(act, refusal), state
    request = PsciRequest(act.arg(0), index, entry_point, context_id)
    return _exit(act, target), state.with_rec(replace(rec, psci=request, psci_kept=_kept(act)))


def _affinity_info(state: State, rec: Rec, act: Smc) -> tuple[Outcome, State]:
    target, level = act.arg(1), act.arg(2)
    index = _known_index(state, rec, target)
    if level != 0 or index is None:
        return _answer(act, psci.INVALID_PARAMETERS), state
    if index == rec.index:
        return _answer(act, psci.ON), state
    request = PsciRequest(act.arg(0), index)
    return _exit(act, target), state.with_rec(replace(rec, psci=request, psci_kept=_kept(act)))


def _system_off(state: State, rec: Rec, act: Smc) -> tuple[Outcome, State]:
    realm = replace(state.realms[rec.rd], state=RealmState.SYSTEM_OFF)
    return _exit(act), state.with_realm(realm)


def _known_index(state: State, rec: Rec, mpidr: int) -> int | None:
    """Index of a REC that was created, destroyed since or not."""
    index = psci.index_of_target(mpidr)
    return None if index is None or index >= state.realms[rec.rd].next_index else index


def _answer(act: Smc, *acceptable: int) -> Continues:
    command = _T.by_fid[act.arg(0)]
    text = f"{command.name}({shown(command, act.x[1:])})"
    return Continues(Verdict(command.name, text, tuple(Answer((x0,)) for x0 in acceptable)))


Apply = Callable[[State, Rec, Smc], tuple[Outcome, State]]
CALLS: Mapping[str, Apply] = {
    "PSCI_VERSION": _version,
    "PSCI_CPU_SUSPEND": _suspend,
    "PSCI_CPU_OFF": _off,
    "PSCI_CPU_ON": _on,
    "PSCI_AFFINITY_INFO": _affinity_info,
    "PSCI_SYSTEM_OFF": _system_off,
    "PSCI_SYSTEM_RESET": _system_off,
    "PSCI_FEATURES": _features,
    "SMCCC_VERSION": _smccc_version,
}
