# SPDX-License-Identifier: BSD-3-Clause
"""A Linux host in the normal world: boot, snapshot, shells, kernel log."""

from harness.host.host import Host, HostKeys
from harness.host.kernel_log import Level, LogLine, parse_log

__all__ = ["Host", "HostKeys", "Level", "LogLine", "parse_log"]
