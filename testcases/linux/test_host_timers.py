# SPDX-License-Identifier: BSD-3-Clause
"""Time on a host that comes from a snapshot."""

from __future__ import annotations

import pytest

from harness.host import Host

pytestmark = pytest.mark.linux


def test_timers_of_every_cpu_fire(host: Host) -> None:
    """A sleep ends on each CPU: the EL2 timers go on, booted or loaded from a snapshot."""
    cpus = int(host.shell.run("nproc", check=True).output)
    for cpu in range(cpus):
        assert host.shell.run(f"taskset {1 << cpu:x} usleep 10000", timeout_s=20).ok
