# SPDX-License-Identifier: BSD-3-Clause
"""Invariants of realms and RECs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.model.invariants.rule import Invariant
from harness.model.measure import ZERO_SLOT, digest_bytes
from harness.model.params import rec_index
from harness.model.state import REMS, RealmState, Rec, State
from harness.types import is_granule_aligned


def _vmids(state: State) -> Iterable[str]:
    counts = Counter(realm.vmid for realm in state.realms.values())
    return (f"VMID {vmid} in {n} realms" for vmid, n in counts.items() if n > 1)


def _counts(state: State) -> Iterable[str]:
    for realm in state.realms.values():
        recs = state.recs_of(realm.rd)
        if realm.rec_count != len(recs) or realm.rec_count > realm.next_index:
            yield f"realm {realm.rd:#x} counts {realm.rec_count} of {len(recs)}"


def _limit(state: State) -> Iterable[str]:
    for realm in state.realms.values():
        if realm.next_index > state.platform.max_recs:
            yield f"realm {realm.rd:#x} numbered {realm.next_index} RECs"


def _indexes(state: State) -> Iterable[str]:
    taken = Counter((rec.rd, rec.index) for rec in state.recs.values())
    for rec in state.recs.values():
        realm = state.realms.get(rec.rd)
        known = realm is not None and rec.index < realm.next_index
        if not known or rec_index(rec.mpidr) != rec.index or taken[rec.rd, rec.index] > 1:
            yield f"REC {rec.pa:#x} has index {rec.index}, MPIDR {rec.mpidr:#x}"


def _aux(state: State) -> Iterable[str]:
    wanted = state.platform.aux_granules
    return (f"REC {rec.pa:#x}" for rec in state.recs.values() if len(rec.aux) != wanted)


def _running(state: State) -> Iterable[str]:
    for rec in state.recs.values():
        inactive = state.realms[rec.rd].state is RealmState.NEW
        if rec.running is not None and (inactive or not rec.is_runnable):
            yield f"REC {rec.pa:#x}"


def _pes(state: State) -> Iterable[str]:
    counts = Counter(rec.running.pe for rec in state.recs.values() if rec.running is not None)
    return (f"PE {pe} runs {n} RECs" for pe, n in counts.items() if n > 1)


def _pending(rec: Rec) -> int:
    flags = (rec.psci, rec.psci_reply, rec.host_call, rec.ripas, rec.abort)
    return sum(flag is not None for flag in flags) + rec.sysreg_read


def _one_pending(state: State) -> Iterable[str]:
    for rec in state.recs.values():
        if _pending(rec) > (0 if rec.running is not None else 1):
            yield f"REC {rec.pa:#x} has {_pending(rec)} requests pending"


def _new_pending(state: State) -> Iterable[str]:
    for rec in state.recs.values():
        if _pending(rec) and state.realms[rec.rd].state is RealmState.NEW:
            yield f"REC {rec.pa:#x}"


def _targets(state: State) -> Iterable[str]:
    for rec in state.recs.values():
        if rec.psci is not None and (
            rec.psci.target == rec.index or rec.psci.target >= state.realms[rec.rd].next_index
        ):
            yield f"REC {rec.pa:#x} waits for REC {rec.psci.target}"


def _windows(state: State) -> Iterable[str]:
    for rec in state.recs.values():
        window = rec.ripas
        if window is None:
            continue
        aligned = is_granule_aligned(window.addr) and is_granule_aligned(window.top)
        top = state.realms[rec.rd].protected_top
        if not (aligned and window.addr <= window.top <= top):
            yield f"REC {rec.pa:#x}: {window}"


def _slots(state: State) -> Iterable[str]:
    for realm in state.realms.values():
        used = digest_bytes(realm.hash_algo)
        padding = {slot[used:] for slot in (realm.rim, *realm.rems)}
        if padding != {ZERO_SLOT[used:]} or len(realm.rems) != REMS:
            yield f"realm {realm.rd:#x}"


def _rems(state: State) -> Iterable[str]:
    for realm in state.realms.values():
        if realm.state is RealmState.NEW and set(realm.rems) != {ZERO_SLOT}:
            yield f"realm {realm.rd:#x}"


_INDEX = "state-machines 3, REC index and MPIDR"
_REC = "state-machines 3, REC states"

RECS = (
    Invariant("REALM-1", "a VMID belongs to one realm", "RMI_REALM_CREATE, vmid_valid", _vmids),
    Invariant("REALM-2", "REC counts are right (liveness)", "state-machines 2", _counts),
    Invariant("REALM-3", "no realm numbers more RECs than allowed", "rec_limit", _limit),
    Invariant(
        "REALM-4", "measurements are left aligned in zeroed slots", "state-machines 5", _slots
    ),
    Invariant("REALM-5", "REMs of a NEW realm are zero", "state-machines 5", _rems),
    Invariant("REC-1", "indexes are unique, used, and agree with the MPIDR", _INDEX, _indexes),
    Invariant("REC-2", "each REC has the number of aux granules asked for", "num_aux", _aux),
    Invariant("REC-3", "a running REC is runnable, and its realm was activated", _REC, _running),
    Invariant("REC-4", "a PE runs at most one REC", _REC, _pes),
    Invariant(
        "REC-5", "at most one request is pending, and none while the REC runs", _REC, _one_pending
    ),
    Invariant("REC-6", "nothing is pending in a NEW realm", _REC, _new_pending),
    Invariant("REC-7", "a PSCI request names another REC that was created", "exits 5", _targets),
    Invariant("REC-8", "a RIPAS window lies in the protected half", "exits 6", _windows),
)
