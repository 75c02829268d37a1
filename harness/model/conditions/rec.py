# SPDX-License-Identifier: BSD-3-Clause
"""Conditions of the commands that make, destroy and complete RECs."""

from __future__ import annotations

from collections.abc import Mapping

from harness.abi import tables
from harness.model.conditions import common
from harness.model.conditions.common import Conditions, Predicate
from harness.model.params import RecParams, rec_index
from harness.model.platform import MAX_AUX_GRANULES
from harness.model.state import GranuleState, PsciRequest, Rec
from harness.model.view import View
from harness.types import MASK64, is_granule_aligned

_PSCI = tables().enum("PsciReturnCode")
PSCI_SUCCESS = _PSCI["SUCCESS"] & MASK64
PSCI_DENIED = _PSCI["DENIED"] & MASK64
CPU_ON = tables().command("PSCI_CPU_ON").fid


def _known_aux(view: View) -> RecParams | None:
    params = view.rec_params
    return params if params is not None and params.num_aux <= MAX_AUX_GRANULES else None


def _num_aux_max(view: View) -> bool | None:
    params = view.rec_params
    return None if params is None else params.num_aux > MAX_AUX_GRANULES


def _aux_align(view: View) -> bool | None:
    params = _known_aux(view)
    return None if params is None else not all(map(is_granule_aligned, params.aux))


def _aux_alias(view: View) -> bool | None:
    params = _known_aux(view)
    if params is None:
        return None
    return len(set(params.aux)) < len(params.aux) or view.arg("rec") in params.aux


def _aux_state(view: View) -> bool | None:
    params = _known_aux(view)
    if params is None or _aux_align(view):
        return None
    return any(view.state.granule(pa).state is not GranuleState.DELEGATED for pa in params.aux)


def _rec_limit(view: View) -> bool | None:
    if view.realm is None:
        return None
    return view.realm.next_index >= view.state.platform.max_recs


def _mpidr_index(view: View) -> bool | None:
    params = view.rec_params
    if view.realm is None or params is None:
        return None
    return rec_index(params.mpidr) != view.realm.next_index


def _num_aux(view: View) -> bool | None:
    params = _known_aux(view)
    if view.realm is None or params is None:
        return None
    return params.num_aux != view.state.platform.aux_granules


def is_running(name: str) -> Predicate:
    """The REC is on a PE."""

    def predicate(view: View) -> bool | None:
        rec = view.rec(name)
        return None if rec is None else rec.running is not None

    return predicate


def _not_pending(view: View) -> bool | None:
    calling = view.rec("calling_rec")
    return None if calling is None or calling.running is not None else calling.psci is None


def _other_realm(view: View) -> bool | None:
    calling, target = view.rec("calling_rec"), view.rec("target_rec")
    return None if calling is None or target is None else calling.rd != target.rd


def _request(view: View) -> tuple[PsciRequest, Rec] | None:
    calling, target = view.rec("calling_rec"), view.rec("target_rec")
    if calling is None or calling.psci is None or target is None:
        return None
    return (calling.psci, target) if calling.pa != target.pa else None


def _wrong_target(view: View) -> bool | None:
    found = _request(view)
    if found is None or _other_realm(view):
        return None
    return found[0].target != found[1].index


def _status(view: View) -> bool | None:
    """CPU_ON takes SUCCESS, or DENIED unless the target is on; AFFINITY_INFO SUCCESS."""
    found = _request(view)
    if found is None or view.arg("status") == PSCI_SUCCESS:
        return None if found is None else False
    request, target = found
    denied = view.arg("status") == PSCI_DENIED and request.fid == CPU_ON
    return not denied or target.is_on


CONDITIONS: Mapping[str, Conditions] = {
    "RMI_REC_AUX_COUNT": common.RD,
    "RMI_REC_CREATE": {
        **common.ns_page("params", "params_ptr"),
        **common.granule("rec", "rec", GranuleState.DELEGATED),
        **common.RD,
        "num_aux_max": _num_aux_max,
        "aux_align": _aux_align,
        "aux_alias": _aux_alias,
        "aux_state": _aux_state,
        "rec_limit": _rec_limit,
        "realm_state": common.realm_not_new,
        "mpidr_index": _mpidr_index,
        "num_aux": _num_aux,
    },
    "RMI_REC_DESTROY": {
        **common.granule("rec", "rec", GranuleState.REC, last="gran_state"),
        "rec_state": is_running("rec"),
    },
    "RMI_PSCI_COMPLETE": {
        **common.granule("calling", "calling_rec", GranuleState.REC),
        **common.granule("target", "target_rec", GranuleState.REC),
        "alias": lambda view: view.arg("calling_rec") == view.arg("target_rec"),
        "calling_running": is_running("calling_rec"),
        "pending": _not_pending,
        "owner": _other_realm,
        "target": _wrong_target,
        "status": _status,
    },
}
