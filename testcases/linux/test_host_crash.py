# SPDX-License-Identifier: BSD-3-Clause
"""A kernel that crashes: noticed at once, with names for the addresses of every world."""

from __future__ import annotations

import re

import pytest

from harness.errors import AlarmRaised
from harness.host import Host

pytestmark = pytest.mark.linux

_TRACE = re.compile(r"Call trace:\n(?:.*\n)*?.*\bsysrq_handle_crash\+0x")


def test_a_crash_of_the_host_is_an_alarm_with_names(host: Host) -> None:
    """sysrq-c: the wait ends with the first bad line, the report has the functions."""
    with pytest.raises(AlarmRaised, match="kernel-panic on console 'host'"):
        host.serial.run("echo c > /proc/sysrq-trigger", timeout_s=60)
    assert _TRACE.search(host.machine.consoles["host"].tail(200))
    host.stop()


def test_addresses_of_all_worlds_have_names(host: Host) -> None:
    """BL31 and RMM by their ELF files, the kernel by what it said of itself."""
    machine = host.machine
    for world, name in (("bl31", "bl31_main"), ("rmm", "smc_dispatch")):
        address = machine.symboliser.address(world, name)
        assert machine.symbolise(address).startswith(f"{address:#x} {world}: {name}+0x0")
    text = host.shell.run("grep ' T sysrq_handle_crash\\| t sysrq_handle_crash' /proc/kallsyms")
    address = int(text.output.split()[0], 16)
    assert machine.symbolise(address + 8) == f"{address + 8:#x} kernel: sysrq_handle_crash+0x8"
