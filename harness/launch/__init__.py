# SPDX-License-Identifier: BSD-3-Clause
"""Starting realms on a Linux host: one config, several launchers, what the host can do."""

from harness.launch.config import (
    ConsoleKind,
    HashAlgorithm,
    NetworkKind,
    RealmConfig,
    RealmConfigError,
)
from harness.launch.kvmtool import kvmtool
from harness.launch.qemu import qemu, vm
from harness.launch.realm_run import realm_run
from harness.launch.uapi import EXPLICIT, MINIMAL, SERIES, Uapi
from harness.launch.words import Launcher, OptionRefused

__all__ = [
    "EXPLICIT",
    "MINIMAL",
    "SERIES",
    "ConsoleKind",
    "HashAlgorithm",
    "Launcher",
    "NetworkKind",
    "OptionRefused",
    "RealmConfig",
    "RealmConfigError",
    "Uapi",
    "kvmtool",
    "qemu",
    "realm_run",
    "vm",
]
