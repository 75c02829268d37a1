# SPDX-License-Identifier: BSD-3-Clause
"""How soon a Linux host is ready: from a cold boot, and from the state of an earlier one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import HarnessError
from harness.host import Host, SnapshotHosts
from harness.machine import TapPlugin
from harness.stack import BuiltStack


def cold_s(built: BuiltStack, tap: TapPlugin | None) -> float:
    """Seconds from the start of QEMU to the first command's result over SSH."""
    return _ready_s(lambda folder: Host.boot(built, folder, tap=tap), "cold boot")


def restored_s(hosts: SnapshotHosts) -> float:
    """The same from a state, which must be there."""
    return _ready_s(hosts.start, "snapshot")


def _ready_s(start: Callable[[Path], Host], wanted: str) -> float:
    with tempfile.TemporaryDirectory(prefix="cca-bench-") as folder:
        begin = time.perf_counter()
        with start(Path(folder)) as host:
            host.shell.run("true", check=True)
            seconds = time.perf_counter() - begin
            if host.origin != wanted:
                raise HarnessError(f"the host came from a {host.origin}, not from a {wanted}")
    return seconds
