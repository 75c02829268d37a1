# SPDX-License-Identifier: BSD-3-Clause
"""What each command does when it succeeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.model.effects import granules, realm, rtt
from harness.model.effects.common import Apply, Outputs
from harness.model.view import View

EFFECTS: Mapping[str, Apply] = {
    "RMI_VERSION": granules.version,
    "RMI_FEATURES": granules.features,
    "RMI_GRANULE_DELEGATE": granules.delegate,
    "RMI_GRANULE_UNDELEGATE": granules.undelegate,
    "RMI_DATA_CREATE": granules.data_create,
    "RMI_DATA_CREATE_UNKNOWN": granules.data_create_unknown,
    "RMI_DATA_DESTROY": granules.data_destroy,
    "RMI_REALM_CREATE": realm.create,
    "RMI_REALM_ACTIVATE": realm.activate,
    "RMI_REALM_DESTROY": realm.destroy,
    "RMI_REC_AUX_COUNT": realm.aux_count,
    "RMI_REC_CREATE": realm.rec_create,
    "RMI_REC_DESTROY": realm.rec_destroy,
    "RMI_PSCI_COMPLETE": realm.psci_complete,
    "RMI_RTT_CREATE": rtt.create,
    "RMI_RTT_DESTROY": rtt.destroy,
    "RMI_RTT_FOLD": rtt.fold,
    "RMI_RTT_READ_ENTRY": rtt.read_entry,
    "RMI_RTT_MAP_UNPROTECTED": rtt.map_unprotected,
    "RMI_RTT_UNMAP_UNPROTECTED": rtt.unmap_unprotected,
    "RMI_RTT_INIT_RIPAS": rtt.init_ripas,
    "RMI_RTT_SET_RIPAS": rtt.set_ripas,
}
"""By command; RMI_REC_ENTER is the realm side's (:mod:`harness.model.realm_side.entry`)."""

OTHERWISE: Mapping[str, Callable[[View], Outputs | None]] = {
    "RMI_RTT_READ_ENTRY": rtt.read_entry_otherwise,
}
"""Outputs that are right, too, where RMMs are known to disagree."""
