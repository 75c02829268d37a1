# SPDX-License-Identifier: BSD-3-Clause
"""Invariants across one step: what may change only in one direction, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from harness.model.state import GranuleState, Realm, RealmState, State

_ORDER = list(RealmState)


@dataclass(frozen=True, slots=True)
class StepInvariant:
    """Holds between a state and the next one."""

    id: str
    text: str
    clause: str
    violations: Callable[[State, State], Iterable[str]]


def _kept(before: State, after: State) -> Iterator[tuple[Realm, Realm]]:
    """Realms that exist before and after."""
    for rd, realm in before.realms.items():
        if rd in after.realms:
            yield realm, after.realms[rd]


def _rim(before: State, after: State) -> Iterable[str]:
    for old, new in _kept(before, after):
        if old.rim != new.rim and old.state is not RealmState.NEW:
            yield f"realm {old.rd:#x}"


def _rems(before: State, after: State) -> Iterable[str]:
    for old, new in _kept(before, after):
        if old.rems != new.rems and new.state is RealmState.NEW:
            yield f"realm {old.rd:#x}"


def _states(before: State, after: State) -> Iterable[str]:
    for old, new in _kept(before, after):
        if _ORDER.index(new.state) not in (_ORDER.index(old.state), _ORDER.index(old.state) + 1):
            yield f"realm {old.rd:#x}: {old.state} → {new.state}"


def _numbers(before: State, after: State) -> Iterable[str]:
    for old, new in _kept(before, after):
        if new.next_index not in (old.next_index, old.next_index + 1):
            yield f"realm {old.rd:#x}: {old.next_index} → {new.next_index}"


def _parameters(before: State, after: State) -> Iterable[str]:
    names = ("vmid", "ipa_width", "start_level", "rtt_base", "root_count", "hash_algo", "rpv")
    for old, new in _kept(before, after):
        yield from (f"realm {old.rd:#x}: {n}" for n in names if getattr(old, n) != getattr(new, n))


def _through_delegated(before: State, after: State) -> Iterable[str]:
    if before.granules is after.granules:
        return
    for pa in before.granules.keys() | after.granules.keys():
        old, new = before.granule(pa), after.granule(pa)
        direct = GranuleState.DELEGATED in (old.state, new.state)
        if old != new and not direct:
            yield f"{pa:#x}: {old} → {new}"


STEPS = (
    StepInvariant(
        "STEP-1", "the RIM changes only while the realm is NEW", "state-machines 5", _rim
    ),
    StepInvariant("STEP-2", "REMs change only after activation", "state-machines 5", _rems),
    StepInvariant("STEP-3", "NEW → ACTIVE → SYSTEM_OFF, no way back", "state-machines 2", _states),
    StepInvariant("STEP-4", "the REC counter grows by one or not", "state-machines 3", _numbers),
    StepInvariant("STEP-5", "parameters never change", "RMI_REALM_CREATE", _parameters),
    StepInvariant(
        "STEP-6",
        "a granule changes use only through DELEGATED",
        "state-machines 1, entered by / left by",
        _through_delegated,
    ),
)
