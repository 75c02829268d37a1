# SPDX-License-Identifier: BSD-3-Clause
"""Conditions of the commands that make, activate and destroy realms."""

from __future__ import annotations

from collections.abc import Mapping

from harness.abi import tables
from harness.model.conditions import common
from harness.model.conditions.common import Conditions
from harness.model.params import RealmParams
from harness.model.platform import NO_LPA2_PA_BITS, Platform
from harness.model.rtt import LAST_LEVEL, root_shape_is_valid
from harness.model.state import GranuleState
from harness.model.view import View
from harness.types import GRANULE_BYTES

_HASHES = tables().enum("RmiHashAlgorithm")
_MIN_IPA_BITS = 32


def is_valid(params: RealmParams) -> bool:
    """Every encoding is one that the specification defines."""
    first_level = -1 if params.has("LPA2") else 0
    return (
        params.hash_algo in _HASHES.values()
        and params.s2sz >= _MIN_IPA_BITS
        and first_level <= params.rtt_level_start < LAST_LEVEL
        and params.rtt_num_start > 0
        and params.num_bps > 0
        and params.num_wps > 0
    )


def is_supported(params: RealmParams, platform: Platform) -> bool:
    """Feature register 0 offers everything that is asked for."""
    feature = platform.feature
    widest = feature("S2SZ") if params.has("LPA2") else min(feature("S2SZ"), NO_LPA2_PA_BITS)
    return (
        params.s2sz <= widest
        and params.num_bps <= feature("NUM_BPS")
        and params.num_wps <= feature("NUM_WPS")
        and (not params.has("LPA2") or bool(feature("LPA2")))
        and _supports_sve(params, platform)
        and _supports_pmu(params, platform)
        and _supports_hash(params, platform)
    )


def _supports_sve(params: RealmParams, platform: Platform) -> bool:
    if not params.has("SVE"):
        return True
    return bool(platform.feature("SVE_EN")) and params.sve_vl <= platform.feature("SVE_VL")


def _supports_pmu(params: RealmParams, platform: Platform) -> bool:
    if not params.has("PMU"):
        return True
    enough = params.pmu_num_ctrs <= platform.feature("PMU_NUM_CTRS")
    return bool(platform.feature("PMU_EN")) and enough and _may_have_no_counter(params, platform)


def _may_have_no_counter(params: RealmParams, platform: Platform) -> bool:
    return params.pmu_num_ctrs > 0 or platform.has_hpmn0


def _supports_hash(params: RealmParams, platform: Platform) -> bool:
    offered = {code for name, code in _HASHES.items() if platform.feature(f"HASH_{name}")}
    return params.hash_algo in offered or params.hash_algo not in _HASHES.values()


def _params_valid(view: View) -> bool | None:
    params = view.realm_params
    return None if params is None else not is_valid(params)


def _params_supp(view: View) -> bool | None:
    params = view.realm_params
    return None if params is None else not is_supported(params, view.state.platform)


def _vmid_valid(view: View) -> bool | None:
    params = view.realm_params
    if params is None:
        return None
    used = any(realm.vmid == params.vmid for realm in view.state.realms.values())
    return used or params.vmid >> view.state.platform.vmid_bits != 0


def _alias(view: View) -> bool | None:
    params = view.realm_params
    if params is None:
        return None
    end = params.rtt_base + params.rtt_num_start * GRANULE_BYTES
    return params.rtt_base <= view.arg("rd") < end


def _rtt_num_level(view: View) -> bool | None:
    params = view.realm_params
    if params is None or not is_valid(params) or not is_supported(params, view.state.platform):
        return None
    shape = (params.s2sz, params.rtt_level_start, params.rtt_num_start)
    return not root_shape_is_valid(*shape)


def _rtt_align(view: View) -> bool | None:
    params = view.realm_params
    if params is None or _rtt_num_level(view) is not False:
        return None
    return params.rtt_base % (params.rtt_num_start * GRANULE_BYTES) != 0


def _rtt_state(view: View) -> bool | None:
    params = view.realm_params
    if params is None or _rtt_align(view) is not False:
        return None
    end = params.rtt_base + params.rtt_num_start * GRANULE_BYTES
    roots = range(params.rtt_base, end, GRANULE_BYTES)
    return any(view.state.granule(pa).state is not GranuleState.DELEGATED for pa in roots)


def _realm_live(view: View) -> bool | None:
    return None if view.realm is None else view.realm.is_live


CONDITIONS: Mapping[str, Conditions] = {
    "RMI_REALM_CREATE": {
        **common.ns_page("params", "params_ptr"),
        **common.granule("rd", "rd", GranuleState.DELEGATED),
        "params_valid": _params_valid,
        "params_supp": _params_supp,
        "vmid_valid": _vmid_valid,
        "alias": _alias,
        "rtt_align": _rtt_align,
        "rtt_num_level": _rtt_num_level,
        "rtt_state": _rtt_state,
    },
    "RMI_REALM_ACTIVATE": {**common.RD, "realm_state": common.realm_not_new},
    "RMI_REALM_DESTROY": {**common.RD, "realm_live": _realm_live},
}
