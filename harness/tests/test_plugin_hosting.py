# SPDX-License-Identifier: BSD-3-Clause
"""What must be true of a Linux host when a test is over, and which stack it boots."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import AlarmRaised, MachineDied, StackError
from harness.host import Level, LogLine, parse_log
from harness.plugin.hosting import Hosted, HostUnclean, audit
from harness.stack import load_stack
from harness.stack.companion import host_stack


class FakeHost:
    """A host that has a log and perhaps an alarm."""

    def __init__(self, log: str = "", problem: Exception | None = None) -> None:
        self.log = log
        self.problem = problem
        self.dismissed = False
        self.machine = SimpleNamespace(alive=True, check=self.check, alarms=self)

    def check(self) -> None:
        if self.problem:
            raise self.problem

    def kernel_log(self, minimum: Level) -> list[LogLine]:
        return parse_log(self.log, minimum)


def judged(host: FakeHost) -> None:
    audit(Hosted(cast("Any", host), None, None))


def test_a_quiet_log_passes() -> None:
    judged(FakeHost("<6>[    1.0] Booting\n<4>[    2.0] random: warned\n"))


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x0/0x1",
        "BUG: sleeping function called from invalid context",
        "kernel BUG at mm/slub.c:1!",
        "Internal error: Oops: 96000004",
    ],
)
def test_a_complaint_of_the_kernel_fails_the_test(line: str) -> None:
    with pytest.raises(HostUnclean, match="1 lines of the kernel's log complain"):
        judged(FakeHost(f"<6>[    1.0] Booting\n<4>[    2.5] {line}\n"))


def test_a_machine_that_died_fails_the_test() -> None:
    with pytest.raises(MachineDied, match="gone"):
        judged(FakeHost(problem=MachineDied("gone")))


def test_an_alarm_before_the_host_switched_off_fails_the_test() -> None:
    host = FakeHost(problem=AlarmRaised("kernel-bug"))
    host.machine.alive = False
    with pytest.raises(AlarmRaised, match="kernel-bug"):
        judged(host)


def test_a_host_that_the_test_ended_is_not_asked() -> None:
    host = FakeHost(problem=AlarmRaised("kernel-bug"))
    host.machine.alive, host.dismissed = False, True
    judged(host)


def test_hosts_boot_beside_the_default_stack_with_what_fits_of_its_settings() -> None:
    stack = load_stack("embedded")
    settings = ["rmm.image=/x.img", "host.image=/y.bin", "machine.cpus=4"]
    chosen = host_stack(stack, "embedded", settings)
    assert chosen.name == "embedded-linux"
    assert chosen.components["rmm"].outputs["image"] == "/x.img"
    assert "host" not in chosen.components
    assert chosen.machine.cpus == 4


def test_a_stack_with_a_kernel_serves_itself() -> None:
    stack = load_stack("embedded-linux")
    assert host_stack(stack, "embedded-linux", []) is stack


def test_a_stack_without_a_kernel_has_no_hosts_unless_told() -> None:
    stack = load_stack("trp")
    with pytest.raises(StackError, match="stack trp has no kernel"):
        host_stack(stack, "trp", [])
    assert host_stack(stack, "trp", [], "embedded-linux").name == "embedded-linux"
