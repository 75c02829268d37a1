# SPDX-License-Identifier: BSD-3-Clause
"""A Linux host in the normal world: boot, snapshot, shells, kernel log."""

from harness.host.host import Host, HostKeys
from harness.host.kernel_log import Level, LogLine, parse_log
from harness.host.snapshot import SnapshotHosts

__all__ = ["Host", "HostKeys", "Level", "LogLine", "SnapshotHosts", "parse_log"]
