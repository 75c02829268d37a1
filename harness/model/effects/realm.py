# SPDX-License-Identifier: BSD-3-Clause
"""Effects of the commands that make, activate and destroy realms and RECs."""

from __future__ import annotations

from dataclasses import replace

from harness.model import measure
from harness.model.conditions.rec import CPU_ON, PSCI_DENIED
from harness.model.effects.common import Effect
from harness.model.params import RealmParams
from harness.model.psci import ALREADY_ON, DENIED, OFF, ON, SUCCESS
from harness.model.rtt import ENTRIES, UNASSIGNED, Ripas, Table, entry_bits, entry_bytes
from harness.model.state import (
    DELEGATED,
    REMS,
    Granule,
    GranuleState,
    Realm,
    RealmState,
    Rec,
    State,
)
from harness.model.view import View, sure
from harness.types import GRANULE_BYTES


def create(view: View) -> Effect:
    """RMI_REALM_CREATE: state NEW, both halves untouched."""
    params = sure(view.realm_params)
    rd = view.arg("rd")
    realm = Realm(
        rd=rd,
        state=RealmState.NEW,
        vmid=params.vmid,
        ipa_width=params.s2sz,
        start_level=params.rtt_level_start,
        rtt_base=params.rtt_base,
        root_count=params.rtt_num_start,
        hash_algo=params.hash_algo,
        has_lpa2=params.has("LPA2"),
        rpv=params.rpv,
        rim=measure.initial_rim(params.hash_algo, params.image),
        rems=(measure.ZERO_SLOT,) * REMS,
        rtts=_root_tables(params),
    )
    granules = {pa: Granule(GranuleState.RTT, rd) for pa in realm.root_pas}
    granules[rd] = Granule(GranuleState.RD, rd)
    return (), view.state.with_granules(granules).with_realm(realm)


def _root_tables(params: RealmParams) -> dict[int, Table]:
    level = params.rtt_level_start
    protected_entries = 1 << (params.s2sz - 1 - entry_bits(level))
    return {
        params.rtt_base + number * GRANULE_BYTES: Table(
            level,
            number * ENTRIES * entry_bytes(level),
            UNASSIGNED[Ripas.EMPTY],
            split=min(max(protected_entries - number * ENTRIES, 0), ENTRIES),
        )
        for number in range(params.rtt_num_start)
    }


def activate(view: View) -> Effect:
    """RMI_REALM_ACTIVATE: NEW becomes ACTIVE."""
    return (), view.state.with_realm(replace(view.sure_realm, state=RealmState.ACTIVE))


def destroy(view: View) -> Effect:
    """RMI_REALM_DESTROY: RD and root tables are DELEGATED again, the VMID is free."""
    realm = view.sure_realm
    freed = dict.fromkeys((realm.rd, *realm.root_pas), DELEGATED)
    return (), view.state.with_granules(freed).without_realm(realm.rd)


def aux_count(view: View) -> Effect:
    """RMI_REC_AUX_COUNT."""
    return (view.state.platform.aux_granules,), view.state


def rec_create(view: View) -> Effect:
    """RMI_REC_CREATE: the next index is taken, a runnable REC is measured."""
    realm, params = view.sure_realm, sure(view.rec_params)
    rec = Rec(
        pa=view.arg("rec"),
        rd=realm.rd,
        index=realm.next_index,
        mpidr=params.mpidr,
        aux=params.aux,
        is_runnable=params.is_runnable,
        start=(params.pc, params.gprs),
    )
    rim = realm.rim
    if params.is_runnable:
        rim = measure.with_rec(realm.hash_algo, rim, params.image)
    granules = dict.fromkeys(params.aux, Granule(GranuleState.REC_AUX, realm.rd))
    granules[rec.pa] = Granule(GranuleState.REC, realm.rd)
    state = view.state.with_granules(granules).with_rec(rec)
    realm = replace(realm, rim=rim, rec_count=realm.rec_count + 1, next_index=realm.next_index + 1)
    return (), state.with_realm(realm)


def rec_destroy(view: View) -> Effect:
    """RMI_REC_DESTROY: the index stays taken."""
    rec = sure(view.rec())
    realm = view.state.realms[rec.rd]
    state = view.state.with_granules(dict.fromkeys((rec.pa, *rec.aux), DELEGATED))
    state = state.without_rec(rec.pa)
    return (), state.with_realm(replace(realm, rec_count=realm.rec_count - 1))


def psci_complete(view: View) -> Effect:
    """RMI_PSCI_COMPLETE: the caller gets its result, CPU_ON starts the target."""
    calling, target = sure(view.rec("calling_rec")), sure(view.rec("target_rec"))
    request = sure(calling.psci)
    state = view.state
    if request.fid != CPU_ON:
        reply = ON if target.is_on else OFF
    elif target.is_on:
        reply = ALREADY_ON
    elif view.arg("status") == PSCI_DENIED:
        reply = DENIED
    else:
        reply = SUCCESS
        start = (request.entry_point, (request.context_id, *[0] * 7))
        state = state.with_rec(replace(target, is_runnable=True, start=start))
    return (), _replied(state, calling, reply)


def psci_complete_denied_too_late(view: View) -> State:
    """The one failure with an effect: DENIED while the target is on delivers ALREADY_ON."""
    calling, target = sure(view.rec("calling_rec")), sure(view.rec("target_rec"))
    request = sure(calling.psci)
    if request.fid == CPU_ON and view.arg("status") == PSCI_DENIED and target.is_on:
        return _replied(view.state, calling, ALREADY_ON)
    return view.state


def _replied(state: State, calling: Rec, reply: int) -> State:
    return state.with_rec(replace(calling, psci=None, psci_reply=reply))
