# SPDX-License-Identifier: BSD-3-Clause
"""A Linux host's life: log, restart, end."""

from __future__ import annotations

import pytest

from harness.errors import AlarmRaised, MachineDied
from harness.host import Host, Level
from harness.machine import Machine

pytestmark = pytest.mark.linux


def test_the_host_runs_at_el2_behind_an_rmm(host: Host) -> None:
    """The kernel starts at EL2 with KVM (VHE), on all PEs, and says nothing bad on the way."""
    text = "\n".join(line.text for line in host.kernel_log())
    assert "CPU: All CPU(s) started at EL2" in text
    assert "VHE mode initialized successfully" in text
    assert host.kernel_log(Level.ERR) == []
    online = host.shell.run("nproc", check=True).output
    assert int(online) == host.machine.what.machine.cpus


def test_the_kernel_log_is_sorted_by_severity(host: Host) -> None:
    """What is written with a severity is found from that severity on."""
    host.shell.run("echo '<3>an error' > /dev/kmsg; echo '<6>a remark' > /dev/kmsg", check=True)
    assert [line.text for line in host.kernel_log(Level.ERR)] == ["an error"]
    assert host.kernel_log(Level.INFO)[-1].text == "a remark"


def test_each_console_has_a_transcript_of_its_own(host: Host) -> None:
    """Host, secure world and realm do not share a line."""
    host.shell.run("echo 'from a realm' > /dev/hvc0", check=True)
    host.machine.consoles["realm"].expect("from a realm", 10)
    assert b"from a realm" not in host.machine.consoles["host"].recent()


def test_a_reboot_on_purpose_brings_both_shells_back(host: Host) -> None:
    """Firmware and kernel start again; it is told from the boot before."""
    before = host.boot_id()
    host.reboot()
    assert host.boot_id() != before
    assert host.serial.run("echo here").output == "here\n"


def test_a_reboot_that_nobody_asked_for_is_an_alarm(host: Host) -> None:
    """A machine that starts again has lost what the test did on it."""
    host.serial.console.send("reboot -f\n")
    with pytest.raises(AlarmRaised, match="reboot on console 'host'"):
        host.machine.consoles["host"].expect("no line says this", 60)
    host.stop()


def test_an_orderly_shutdown_ends_the_machine(host: Host) -> None:
    """PSCI SYSTEM_OFF: QEMU ends by itself, with status 0."""
    assert host.shutdown() == 0
    with pytest.raises(MachineDied, match="it was stopped"):
        host.machine.check()


def test_a_forced_shutdown_needs_no_help_of_the_host(host: Host) -> None:
    """QEMU is gone even where the kernel no longer schedules anybody."""
    machine: Machine = host.machine
    machine.qmp("stop")
    host.shutdown(forced=True)
    assert not machine.alive
