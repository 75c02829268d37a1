# SPDX-License-Identifier: BSD-3-Clause
"""Conditions of version, granule and data commands."""

from __future__ import annotations

from collections.abc import Mapping

from harness.abi import tables
from harness.model.conditions import common
from harness.model.conditions.common import Conditions
from harness.model.rtt import Hipas
from harness.model.state import GranuleState
from harness.model.view import View

_MEASURE = tables().bitfield("RmiDataFlags").bits("MEASURE_CONTENT").mask
RMI_ABI_VERSION = tables().constants["RMI_ABI_VERSION"]


def _gpt_not_ns(view: View) -> bool | None:
    granule = view.granule("addr")
    if granule is None or granule.state is not GranuleState.UNDELEGATED:
        return None
    return not view.state.platform.layout.is_ns(view.arg("addr"))


_DATA_IPA: Conditions = {
    "ipa_bound": common.ipa_not_protected,
    "ipa_align": common.ipa_unaligned,
    "rtt_walk": common.walk_short,
}
_NEW_DATA: Conditions = {
    **common.granule("data", "data", GranuleState.DELEGATED),
    **common.RD,
    **_DATA_IPA,
    "data_bound2": common.beyond_48_bits("data"),
    "rtte_state": common.entry_not(Hipas.UNASSIGNED),
}

CONDITIONS: Mapping[str, Conditions] = {
    "RMI_VERSION": {"incompatible": lambda view: view.arg("req") != RMI_ABI_VERSION},
    "RMI_FEATURES": {},
    "RMI_GRANULE_DELEGATE": {
        **common.granule("gran", "addr", GranuleState.UNDELEGATED),
        "gran_gpt": _gpt_not_ns,
    },
    "RMI_GRANULE_UNDELEGATE": common.granule("gran", "addr", GranuleState.DELEGATED),
    "RMI_DATA_CREATE": {
        **_NEW_DATA,
        **common.ns_page("src", "src"),
        "flags_valid": lambda view: view.arg("flags") & ~_MEASURE != 0,
        "realm_state": common.realm_not_new,
    },
    "RMI_DATA_CREATE_UNKNOWN": _NEW_DATA,
    "RMI_DATA_DESTROY": {
        **common.RD,
        **_DATA_IPA,
        "rtte_state": common.entry_not(Hipas.ASSIGNED),
    },
}
