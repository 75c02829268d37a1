# SPDX-License-Identifier: BSD-3-Clause
"""Conditions of RMI_RTT_INIT_RIPAS and RMI_RTT_SET_RIPAS."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model.conditions import common
from harness.model.conditions.common import Conditions
from harness.model.conditions.rec import is_running
from harness.model.rtt import Entry, Hipas, Ripas, entry_bytes
from harness.model.state import GranuleState, RipasWindow
from harness.model.view import View
from harness.types import is_granule_aligned

NO_WINDOW = RipasWindow(0, 0, Ripas.EMPTY, change_destroyed=False)
"""What a REC without a pending request looks like: nothing of it can be processed."""


def may_be_initialised(entry: Entry) -> bool:
    """RMI_RTT_INIT_RIPAS can make this entry RAM."""
    return entry.hipas is Hipas.UNASSIGNED and entry.ripas is not Ripas.DESTROYED


def _size_valid(view: View) -> bool:
    return view.arg("top") <= view.arg("base")


def _top_unprotected(view: View) -> bool | None:
    return None if view.realm is None else view.arg("top") > view.realm.protected_top


def _base_align(view: View) -> bool | None:
    walk = view.walk
    if walk is None or not is_granule_aligned(view.arg("base")):
        return None
    return view.arg("base") != walk.ipa


def _not_initialisable(view: View) -> bool | None:
    walk = view.walk
    return None if walk is None else not may_be_initialised(walk.entry)


def _no_progress(view: View) -> bool | None:
    walk = view.walk
    if walk is None or _size_valid(view):
        return None
    return view.arg("top") < walk.ipa + entry_bytes(walk.level)


def _rec_owner(view: View) -> bool | None:
    rec = view.rec()
    return None if rec is None or view.realm is None else rec.rd != view.realm.rd


def _window(view: View) -> RipasWindow | None:
    rec = view.rec()
    return None if rec is None or rec.running is not None else rec.ripas or NO_WINDOW


def _base_bound(view: View) -> bool | None:
    window = _window(view)
    return None if window is None else view.arg("base") != window.addr


def _top_bound(view: View) -> bool | None:
    window = _window(view)
    return None if window is None else view.arg("top") > window.top


_RANGE: Conditions = {
    **common.RD,
    "size_valid": _size_valid,
    "top_gran_align": common.unaligned("top"),
    "base_align": _base_align,
    "no_progress": _no_progress,
}

CONDITIONS: Mapping[str, Conditions] = {
    "RMI_RTT_INIT_RIPAS": {
        **_RANGE,
        "base_gran_align": common.unaligned("base"),
        "top_bound": _top_unprotected,
        "realm_state": common.realm_not_new,
        "rtte_state": _not_initialisable,
    },
    "RMI_RTT_SET_RIPAS": {
        **_RANGE,
        **common.granule("rec", "rec", GranuleState.REC, last="gran_state"),
        "rec_state": is_running("rec"),
        "rec_owner": _rec_owner,
        "base_bound": _base_bound,
        "top_bound": _top_bound,
    },
}
