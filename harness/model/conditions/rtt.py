# SPDX-License-Identifier: BSD-3-Clause
"""Conditions of the commands that make, destroy, fold and read translation tables."""

from __future__ import annotations

from collections.abc import Mapping

from harness.abi import tables
from harness.model.conditions import common
from harness.model.conditions.common import Conditions
from harness.model.rtt import Hipas, Table
from harness.model.state import GranuleState, Realm
from harness.model.view import View
from harness.types import MASK64

_DESC = tables().bitfield("UnprotectedDesc")
_MEM_ATTR_RESERVED = 0b100
_LPA2_OA = ((1 << 50) - 1) & ~0xFFF
_LPA2_OA_TOP_SHIFT, _LPA2_OA_TOP = 8, 0b11


def output_address(desc: int, realm: Realm) -> int:
    """The PA in a host's descriptor; LPA2 realms have its bits 51:50 at 9:8."""
    if realm.has_lpa2:
        return desc & _LPA2_OA | (desc >> _LPA2_OA_TOP_SHIFT & _LPA2_OA_TOP) << 50
    return desc & _DESC.bits("OA").mask


def attributes(desc: int) -> int:
    """MemAttr and S2AP of a host's descriptor, in place."""
    return desc & (_DESC.bits("MemAttr").mask | _DESC.bits("S2AP").mask)


def host_descriptor(pa: int, attribute_bits: int, realm: Realm) -> int:
    """The descriptor that RMI_RTT_READ_ENTRY shows."""
    if realm.has_lpa2:
        return pa & _LPA2_OA | (pa >> 50 & _LPA2_OA_TOP) << _LPA2_OA_TOP_SHIFT | attribute_bits
    return pa | attribute_bits


def child_table(view: View) -> Table | None:
    """The table that RMI_RTT_DESTROY or RMI_RTT_FOLD is about."""
    walk = view.full_walk
    if view.realm is None or walk is None or walk.entry.hipas is not Hipas.TABLE:
        return None
    return view.realm.rtts[walk.entry.pa]


def _attr_valid(view: View) -> bool | None:
    if view.realm is None:
        return None
    desc = view.arg("desc")
    known = attributes(MASK64) | _DESC.bits("OA").mask
    if view.realm.has_lpa2:
        known |= _LPA2_OA | _LPA2_OA_TOP << _LPA2_OA_TOP_SHIFT
    return desc & ~known != 0 or _DESC.bits("MemAttr").get(desc) == _MEM_ATTR_RESERVED


def _addr_align(view: View) -> bool | None:
    if view.realm is None or view.entry_bytes is None:
        return None
    return output_address(view.arg("desc"), view.realm) % view.entry_bytes != 0


def _addr_bound(view: View) -> bool | None:
    if view.realm is None:
        return None
    pa = output_address(view.arg("desc"), view.realm)
    return pa >> view.state.platform.pa_bits != 0


def _parent_is_table(view: View) -> bool | None:
    walk = view.full_walk
    return None if walk is None else walk.entry.hipas is Hipas.TABLE


def _live(view: View) -> bool | None:
    table = child_table(view)
    return None if table is None else table.is_live


def _not_homogeneous(view: View) -> bool | None:
    table = child_table(view)
    return None if table is None else table.folded() is None


def _block_level(view: View) -> bool | None:
    table = child_table(view)
    return None if table is None else table.level <= 1 and table.is_all_mapped


_LEVEL_AND_IPA: Conditions = {
    **common.RD,
    "level_bound": common.level_bound,
    "ipa_align": common.ipa_align,
    "ipa_bound": common.ipa_beyond,
}
_UNPROTECTED: Conditions = {
    **_LEVEL_AND_IPA,
    "ipa_bound": common.ipa_not_unprotected,
    "rtt_walk": common.walk_short,
}

CONDITIONS: Mapping[str, Conditions] = {
    "RMI_RTT_CREATE": {
        **common.granule("rtt", "rtt", GranuleState.DELEGATED),
        **_LEVEL_AND_IPA,
        "rtt_bound2": common.beyond_48_bits("rtt"),
        "rtt_walk": common.walk_short,
        "rtte_state": _parent_is_table,
    },
    "RMI_RTT_DESTROY": {
        **_LEVEL_AND_IPA,
        "rtt_walk": common.walk_short,
        "rtte_state": common.entry_not(Hipas.TABLE),
        "rtt_live": _live,
    },
    "RMI_RTT_FOLD": {
        **_LEVEL_AND_IPA,
        "rtt_walk": common.walk_short,
        "rtte_state": common.entry_not(Hipas.TABLE),
        "rtt_homo": _not_homogeneous,
        "block_level": _block_level,
    },
    "RMI_RTT_READ_ENTRY": _LEVEL_AND_IPA,
    "RMI_RTT_MAP_UNPROTECTED": {
        **_UNPROTECTED,
        "attr_valid": _attr_valid,
        "addr_align": _addr_align,
        "addr_bound": _addr_bound,
        "rtte_state": common.entry_not(Hipas.UNASSIGNED_NS),
    },
    "RMI_RTT_UNMAP_UNPROTECTED": {
        **_UNPROTECTED,
        "rtte_state": common.entry_not(Hipas.ASSIGNED_NS),
    },
}
