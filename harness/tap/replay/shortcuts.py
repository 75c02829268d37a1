# SPDX-License-Identifier: BSD-3-Clause
"""The commonest calls, judged and applied in place where nothing overlaps.

The model makes a new state for each call. Nine calls of ten are one of a few that succeed
with nothing else under way: for these the same is done here in a tenth of the time; and for
RMI_RTT_DESTROY also where it says where to go on. What is not exactly one of these is left
to the model; a test plays both side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from harness.abi import tables
from harness.model.conditions.rtt import attributes, output_address
from harness.model.effects.rtt import entry_shown
from harness.model.rtt import (
    ENTRIES,
    LAST_LEVEL,
    UNASSIGNED,
    UNASSIGNED_NS,
    Entry,
    Hipas,
    Ripas,
    Table,
    entry_bytes,
    walk_tables,
)
from harness.model.state import DELEGATED, UNDELEGATED, Granule, GranuleState, Realm
from harness.model.verdict import status_word
from harness.tap.replay.world import World
from harness.types import GRANULE_BYTES, MASK64

Registers = tuple[int, ...]
_Shortcut = Callable[[World, Registers, Registers], bool]

_ERROR_RTT = "RMI_ERROR_RTT"
_OFFSET = GRANULE_BYTES - 1
_FIRST_BLOCK_LEVEL = 1
_DESC = tables().bitfield("UnprotectedDesc")
_ATTRIBUTES = attributes(MASK64)
_KNOWN_BITS = _ATTRIBUTES | _DESC.bits("OA").mask
_MEM_ATTR, _RESERVED = _DESC.bits("MemAttr"), 0b100


def _delegate(world: World, x: Registers, _out: Registers) -> bool:
    pa, layout = x[1], world.platform.layout
    if pa & _OFFSET or world.granules.get(pa) is not None:
        return False
    if not (layout.is_tracked(pa) and layout.is_ns(pa)):
        return False
    world.granules.put(pa, DELEGATED)
    return True


def _undelegate(world: World, x: Registers, _out: Registers) -> bool:
    if not _is_delegated(world, x[1]):
        return False
    world.granules.put(x[1], UNDELEGATED)
    return True


def _is_delegated(world: World, pa: int) -> bool:
    granule = world.granules.get(pa)
    return granule is not None and granule.state is GranuleState.DELEGATED


def _entry_at(
    world: World, rd: int, ipa: int, level: int, *, protected: bool | None
) -> tuple[Table, int] | None:
    """The table of a level that an IPA of one half (or any) leads to, and the index in it."""
    realm = world.realms.get(rd)
    if realm is None or ipa & entry_bytes(level) - 1 or ipa >= realm.ipa_top:
        return None
    if protected is not None and realm.is_protected(ipa) is not protected:
        return None
    walk = walk_tables(realm.rtts, realm.rtt_base, realm.start_level, ipa, level)
    return (walk.table, walk.index) if walk.table.level == level else None


def _set(table: Table, index: int, entry: Entry) -> None:
    overrides = cast("dict[int, Entry]", table.overrides)
    if entry == table.plain(index):
        overrides.pop(index, None)
    else:
        overrides[index] = entry


def _data_create_unknown(world: World, x: Registers, _out: Registers) -> bool:
    rd, data, ipa = x[1:4]
    if not _is_delegated(world, data):
        return False
    found = _entry_at(world, rd, ipa, LAST_LEVEL, protected=True)
    if found is None or (data >> 48 and not world.realms[rd].has_lpa2):
        return False
    table, index = found
    before = table.entry(index)
    if before.hipas is not Hipas.UNASSIGNED:
        return False
    _set(table, index, Entry(Hipas.ASSIGNED, before.ripas, data))
    world.granules.put(data, Granule(GranuleState.DATA, rd))
    return True


def _data_destroy(world: World, x: Registers, out: Registers) -> bool:
    found = _entry_at(world, x[1], x[2], LAST_LEVEL, protected=True)
    if found is None:
        return False
    table, index = found
    before = table.entry(index)
    if before.hipas is not Hipas.ASSIGNED or out[1] != before.pa:
        return False
    if out[2] != table.ipa(_next_live(table, index + 1)):
        return False
    ripas = Ripas.EMPTY if before.ripas is Ripas.EMPTY else Ripas.DESTROYED
    _set(table, index, UNASSIGNED[ripas])
    world.granules.put(before.pa, DELEGATED)
    return True


def _next_live(table: Table, index: int) -> int:
    """Most often it is the very next one."""
    following = table.overrides.get(index)
    if following is not None and following.is_live:
        return index
    return table.next_live(index) if index < ENTRIES else ENTRIES


def _map_unprotected(world: World, x: Registers, _out: Registers) -> bool:
    rd, ipa, level, desc = x[1:5]
    realm = world.realms.get(rd)
    if realm is None or not max(realm.start_level, _FIRST_BLOCK_LEVEL) <= level <= LAST_LEVEL:
        return False
    found = _entry_at(world, rd, ipa, level, protected=False)
    if found is None or realm.has_lpa2:
        return False
    if desc & ~_KNOWN_BITS or _MEM_ATTR.get(desc) == _RESERVED:
        return False
    pa = output_address(desc, realm)
    table, index = found
    if pa >> world.platform.pa_bits or pa & entry_bytes(level) - 1:
        return False
    if table.entry(index).hipas is not Hipas.UNASSIGNED_NS:
        return False
    _set(table, index, Entry(Hipas.ASSIGNED_NS, pa=pa, attributes=desc & _ATTRIBUTES))
    return True


def _rtt_create(world: World, x: Registers, _out: Registers) -> bool:
    rd, rtt, ipa, level = x[1:5]
    realm = world.realms.get(rd)
    if realm is None or not realm.start_level < level <= LAST_LEVEL:
        return False
    if not _is_delegated(world, rtt) or (rtt >> 48 and not realm.has_lpa2):
        return False
    found = _entry_at(world, rd, ipa, level - 1, protected=None)
    if found is None:
        return False
    parent, index = found
    leaf = parent.entry(index)
    if leaf.hipas is Hipas.TABLE:
        return False
    _tables(realm)[rtt] = Table(level, parent.ipa(index), leaf)
    _set(parent, index, Entry(Hipas.TABLE, pa=rtt))
    world.granules.put(rtt, Granule(GranuleState.RTT, rd))
    return True


def _rtt_destroy(world: World, x: Registers, out: Registers) -> bool:
    rd, ipa, level = x[1:4]
    realm = world.realms.get(rd)
    if realm is None or not realm.start_level < level <= LAST_LEVEL:
        return False
    if ipa & entry_bytes(level - 1) - 1 or ipa >= realm.ipa_top:
        return False
    walk = walk_tables(realm.rtts, realm.rtt_base, realm.start_level, ipa, level - 1)
    before = walk.entry
    if walk.level != level - 1 or before.hipas is not Hipas.TABLE:
        return out[0] == status_word(_ERROR_RTT, walk.level) and out[2] == walk.top(ipa)
    if realm.rtts[before.pa].is_live:
        return out[0] == status_word(_ERROR_RTT, level) and out[2] == ipa
    if out[:3] != (0, before.pa, walk.table.ipa(_next_live(walk.table, walk.index + 1))):
        return False
    del _tables(realm)[before.pa]
    protected = realm.is_protected(ipa)
    _set(walk.table, walk.index, UNASSIGNED[Ripas.DESTROYED] if protected else UNASSIGNED_NS)
    world.granules.put(before.pa, DELEGATED)
    return True


def _tables(realm: Realm) -> dict[int, Table]:
    return cast("dict[int, Table]", realm.rtts)


def _rtt_read_entry(world: World, x: Registers, out: Registers) -> bool:
    rd, ipa, level = x[1:4]
    realm = world.realms.get(rd)
    if realm is None or not realm.start_level <= level <= LAST_LEVEL:
        return False
    if ipa & entry_bytes(level) - 1 or ipa >= realm.ipa_top:
        return False
    walk = walk_tables(realm.rtts, realm.rtt_base, realm.start_level, ipa, level)
    return out[1:5] == (walk.level, *entry_shown(walk.entry, realm))


_BY_NAME: Mapping[str, _Shortcut] = {
    "RMI_GRANULE_DELEGATE": _delegate,
    "RMI_GRANULE_UNDELEGATE": _undelegate,
    "RMI_DATA_CREATE_UNKNOWN": _data_create_unknown,
    "RMI_DATA_DESTROY": _data_destroy,
    "RMI_RTT_CREATE": _rtt_create,
    "RMI_RTT_DESTROY": _rtt_destroy,
    "RMI_RTT_MAP_UNPROTECTED": _map_unprotected,
    "RMI_RTT_READ_ENTRY": _rtt_read_entry,
}
SHORTCUTS: Mapping[int, _Shortcut] = {
    tables().command(name).fid: judge for name, judge in _BY_NAME.items()
}
"""By function id."""

_MAY_FAIL = {tables().command("RMI_RTT_DESTROY").fid}


def shortcut(world: World, x: Registers, out: Registers) -> bool:
    """Judge x0.. of a call and of its answer; True if it is right: then ``world`` is changed.

    Nobody else may have a reference to ``world`` or to parts of it. False leaves it as it is.
    """
    return (not out[0] or x[0] in _MAY_FAIL) and SHORTCUTS[x[0]](world, x, out)
