# SPDX-License-Identifier: BSD-3-Clause
"""Effects of the commands on translation tables."""

from __future__ import annotations

from dataclasses import replace

from harness.abi import tables
from harness.model import measure
from harness.model.conditions.ripas import may_be_initialised
from harness.model.conditions.rtt import attributes, child_table, host_descriptor, output_address
from harness.model.effects.common import Effect, Outputs, entry_replaced, tables_replaced
from harness.model.rtt import (
    ENTRIES,
    UNASSIGNED,
    UNASSIGNED_NS,
    Entry,
    Hipas,
    Ripas,
    Table,
    Walk,
    entry_bytes,
)
from harness.model.state import DELEGATED, Granule, GranuleState, Realm, RipasWindow, State
from harness.model.view import View, sure

_STATE = tables().enum("RmiRttEntryState")
_STATE_OF = {
    Hipas.UNASSIGNED: _STATE["UNASSIGNED"],
    Hipas.UNASSIGNED_NS: _STATE["UNASSIGNED"],
    Hipas.ASSIGNED: _STATE["ASSIGNED"],
    Hipas.ASSIGNED_NS: _STATE["ASSIGNED"],
    Hipas.TABLE: _STATE["TABLE"],
}


def create(view: View) -> Effect:
    """RMI_RTT_CREATE: the children repeat the leaf, a block becomes a contiguous run."""
    rd, rtt, walk = view.sure_realm.rd, view.arg("rtt"), view.sure_walk
    state = tables_replaced(view.state, rd, {rtt: Table(view.level, walk.ipa, walk.entry)})
    state = entry_replaced(state, rd, walk, Entry(Hipas.TABLE, pa=rtt))
    return (), state.with_granules({rtt: Granule(GranuleState.RTT, rd)})


def destroy(view: View) -> Effect:
    """RMI_RTT_DESTROY: protected memory becomes DESTROYED, unprotected UNASSIGNED_NS."""
    walk = view.sure_walk
    protected = view.sure_realm.is_protected(walk.ipa)
    state = _removed(view, UNASSIGNED[Ripas.DESTROYED] if protected else UNASSIGNED_NS)
    top = walk.table.ipa(walk.table.next_live(walk.index + 1))
    return (walk.entry.pa, top), state


def fold(view: View) -> Effect:
    """RMI_RTT_FOLD: the parent takes over what all children are."""
    leaf = sure(sure(child_table(view)).folded())
    return (view.sure_walk.entry.pa,), _removed(view, leaf)


def _removed(view: View, leaf: Entry) -> State:
    realm, walk = view.sure_realm, view.sure_walk
    rtts = {pa: table for pa, table in realm.rtts.items() if pa != walk.entry.pa}
    state = view.state.with_realm(replace(realm, rtts=rtts))
    state = entry_replaced(state, realm.rd, walk, leaf)
    return state.with_granules({walk.entry.pa: DELEGATED})


def read_entry(view: View) -> Effect:
    """RMI_RTT_READ_ENTRY: what the walk ended at."""
    walk = view.sure_walk
    return (walk.level, *entry_shown(walk.entry, view.sure_realm)), view.state


def read_entry_otherwise(view: View) -> Outputs | None:
    """RMI_RTT_READ_ENTRY of DESTROYED data: some RMMs show the PA."""
    walk = view.sure_walk
    entry = walk.entry
    if entry.hipas is not Hipas.ASSIGNED or entry.ripas is not Ripas.DESTROYED:
        return None
    return walk.level, _STATE_OF[entry.hipas], entry.pa, entry.ripas


def entry_shown(entry: Entry, realm: Realm) -> tuple[int, int, int]:
    """State, descriptor and RIPAS that the host is shown; rel0 hides the PA of DESTROYED data."""
    desc = entry.pa
    if entry.hipas is Hipas.ASSIGNED_NS:
        desc = host_descriptor(entry.pa, entry.attributes, realm)
    elif entry.ripas is Ripas.DESTROYED:
        desc = 0
    return _STATE_OF[entry.hipas], desc, entry.ripas


def map_unprotected(view: View) -> Effect:
    """RMI_RTT_MAP_UNPROTECTED: the host's address and attributes are taken as they are."""
    realm, desc = view.sure_realm, view.arg("desc")
    entry = Entry(Hipas.ASSIGNED_NS, pa=output_address(desc, realm), attributes=attributes(desc))
    return (), entry_replaced(view.state, realm.rd, view.sure_walk, entry)


def unmap_unprotected(view: View) -> Effect:
    """RMI_RTT_UNMAP_UNPROTECTED."""
    walk = view.sure_walk
    state = entry_replaced(view.state, view.sure_realm.rd, walk, UNASSIGNED_NS)
    return (walk.table.ipa(walk.table.next_live(walk.index + 1)),), state


def init_ripas(view: View) -> Effect:
    """RMI_RTT_INIT_RIPAS: entries of one table, each measured, those already RAM too."""
    realm, walk = view.sure_realm, view.sure_walk
    size_bytes = entry_bytes(walk.level)
    changes: dict[int, Entry] = {}
    rim = realm.rim
    for index in _whole_entries(walk, view.arg("top")):
        if not may_be_initialised(walk.table.entry(index)):
            break
        base = walk.table.ipa(index)
        rim = measure.with_ripas(realm.hash_algo, rim, base, base + size_bytes)
        changes[index] = UNASSIGNED[Ripas.RAM]
    state = view.state.with_realm(replace(realm, rim=rim))
    table = walk.table.with_entries(changes)
    out_top = walk.table.ipa(walk.index + len(changes))
    return (out_top,), tables_replaced(state, realm.rd, {walk.table_pa: table})


def set_ripas(view: View) -> Effect:
    """RMI_RTT_SET_RIPAS: stops at the first entry that may not be changed."""
    rec, walk = sure(view.rec()), view.sure_walk
    window = sure(rec.ripas)
    changes: dict[int, Entry] = {}
    for index in _whole_entries(walk, view.arg("top")):
        changed = _with_ripas(walk.table.entry(index), window)
        if changed is None:
            break
        changes[index] = changed
    out_top = walk.table.ipa(walk.index + len(changes))
    table = walk.table.with_entries(changes)
    state = tables_replaced(view.state, rec.rd, {walk.table_pa: table})
    return (out_top,), state.with_rec(replace(rec, ripas=replace(window, addr=out_top)))


def _whole_entries(walk: Walk, top: int) -> range:
    """Indexes, from the entry of the walk on, of the entries that end at or below ``top``."""
    count = (top - walk.table.base) // entry_bytes(walk.level)
    return range(walk.index, min(count, ENTRIES))


def _with_ripas(entry: Entry, window: RipasWindow) -> Entry | None:
    if entry.hipas is Hipas.TABLE:
        return None
    if entry.ripas is Ripas.DESTROYED and not window.change_destroyed:
        return None
    return entry if entry.ripas is window.ripas else replace(entry, ripas=window.ripas)
