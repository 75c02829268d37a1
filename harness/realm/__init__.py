# SPDX-License-Identifier: BSD-3-Clause
"""Realms from the host's side: granules, tables, RECs, exits, the payload inside."""

from harness.realm.build import GuestRealm, build_realm, load_payload, start_realm
from harness.realm.config import RealmConfig, entry_bytes, root_table_count
from harness.realm.draft import RealmDraft, RecDraft
from harness.realm.exits import (
    DataAbort,
    Exit,
    FiqExit,
    HostCallExit,
    InstructionAbort,
    IrqExit,
    PsciExit,
    RipasChangeExit,
    SErrorExit,
    SyncExit,
    SysregExit,
    WfxExit,
)
from harness.realm.ledger import Ledger
from harness.realm.measure import Measurements
from harness.realm.normal_world import NormalWorld
from harness.realm.payload import Guest, PayloadImage, Reentry
from harness.realm.payload_report import Report
from harness.realm.pool import GranulePool, Span
from harness.realm.realm import Realm
from harness.realm.rec import Rec, mpidr_of_index, rec_params
from harness.realm.tables import RealmTables, RttEntry, unprotected_desc
from harness.realm.zoo import Zoo

__all__ = [
    "DataAbort",
    "Exit",
    "FiqExit",
    "GranulePool",
    "Guest",
    "GuestRealm",
    "HostCallExit",
    "InstructionAbort",
    "IrqExit",
    "Ledger",
    "Measurements",
    "NormalWorld",
    "PayloadImage",
    "PsciExit",
    "Realm",
    "RealmConfig",
    "RealmDraft",
    "RealmTables",
    "Rec",
    "RecDraft",
    "Reentry",
    "Report",
    "RipasChangeExit",
    "RttEntry",
    "SErrorExit",
    "Span",
    "SyncExit",
    "SysregExit",
    "WfxExit",
    "Zoo",
    "build_realm",
    "entry_bytes",
    "load_payload",
    "mpidr_of_index",
    "rec_params",
    "root_table_count",
    "start_realm",
    "unprotected_desc",
]
