# SPDX-License-Identifier: BSD-3-Clause
"""Effects of version, granule and data commands."""

from __future__ import annotations

from dataclasses import replace

from harness.model import measure
from harness.model.conditions.granules import RMI_ABI_VERSION
from harness.model.effects.common import Effect, entry_replaced
from harness.model.rtt import UNASSIGNED, Entry, Hipas, Ripas
from harness.model.state import DELEGATED, UNDELEGATED, Granule, GranuleState, State
from harness.model.view import View, sure


def version(view: View) -> Effect:
    """RMI_VERSION: one revision is implemented."""
    return (RMI_ABI_VERSION, RMI_ABI_VERSION), view.state


def features(view: View) -> Effect:
    """RMI_FEATURES: register 0; every other one is zero."""
    return (view.state.platform.features if view.arg("index") == 0 else 0,), view.state


def delegate(view: View) -> Effect:
    """RMI_GRANULE_DELEGATE."""
    return (), view.state.with_granules({view.arg("addr"): DELEGATED})


def undelegate(view: View) -> Effect:
    """RMI_GRANULE_UNDELEGATE."""
    return (), view.state.with_granules({view.arg("addr"): UNDELEGATED})


def data_create(view: View) -> Effect:
    """RMI_DATA_CREATE: mapped, RIPAS RAM, measured."""
    realm = view.sure_realm
    flags = view.arg("flags")
    content = sure(view.page("src")) if flags else None
    rim = measure.with_data(realm.hash_algo, realm.rim, view.arg("ipa"), flags, content)
    return (), _mapped(view.state.with_realm(replace(realm, rim=rim)), view, Ripas.RAM)


def data_create_unknown(view: View) -> Effect:
    """RMI_DATA_CREATE_UNKNOWN: mapped, RIPAS kept."""
    return (), _mapped(view.state, view, view.sure_walk.entry.ripas)


def data_destroy(view: View) -> Effect:
    """RMI_DATA_DESTROY: RAM and DESTROYED become DESTROYED, EMPTY stays."""
    walk = view.sure_walk
    ripas = Ripas.EMPTY if walk.entry.ripas is Ripas.EMPTY else Ripas.DESTROYED
    state = entry_replaced(view.state, view.sure_realm.rd, walk, UNASSIGNED[ripas])
    top = walk.table.ipa(walk.table.next_live(walk.index + 1))
    return (walk.entry.pa, top), state.with_granules({walk.entry.pa: DELEGATED})


def _mapped(state: State, view: View, ripas: Ripas) -> State:
    rd, data = view.sure_realm.rd, view.arg("data")
    entry = Entry(Hipas.ASSIGNED, ripas, data)
    state = entry_replaced(state, rd, view.sure_walk, entry)
    return state.with_granules({data: Granule(GranuleState.DATA, rd)})
