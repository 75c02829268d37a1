# SPDX-License-Identifier: BSD-3-Clause
"""What must be true of a Linux host when a test is over, and which stack it boots."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import AlarmRaised, MachineDied, StackError
from harness.host import Level, LogLine, parse_log
from harness.plugin import hosting
from harness.plugin.hosting import Hosted, HostSession, HostUnclean, audit
from harness.stack import BuiltStack, load_stack
from harness.stack.companion import host_stack
from harness.tests.plugin_fakes import FakeMachine
from harness.tests.test_plugin_session import Inner, inner, section
from harness.tests.timeline_story import Story

__all__ = ["inner"]  # a fixture

pytest_plugins = ["pytester"]


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


@pytest.mark.parametrize("chosen", ["embedded", "trp"])
def test_a_chosen_stack_without_a_kernel_is_refused(chosen: str) -> None:
    with pytest.raises(
        StackError, match=f"^--linux-stack {chosen}: stack {chosen} has no kernel\nhint: embedded-l"
    ):
        host_stack(load_stack("embedded"), "embedded", [], chosen)


class FakeLinuxMachine(FakeMachine):
    """A host's machine; its tap writes what it is told, if it has one."""

    alive = True

    def __init__(self, built: BuiltStack, folder: Path, *, taps: bool) -> None:
        super().__init__(built, folder)
        self.tap_file = folder / "calls.tap" if taps else None
        self.story = Story()
        self.call(0x10000)

    @property
    def consoles(self) -> dict[str, Any]:
        seen = super().consoles
        return {"host": seen["ns"], "secure": seen["secure"]}

    def call(self, version: int) -> None:
        """The host makes a call."""
        if self.tap_file:
            self.story.rmi("RMI_VERSION", version)
            self.story.write(self.tap_file)


@pytest.fixture
def linux(inner: Inner, monkeypatch: pytest.MonkeyPatch) -> Inner:
    """Sessions whose hosts are fakes."""

    def start(session: HostSession) -> SimpleNamespace:
        folder = session.cca.run.path / "machines" / "main" / "host"
        folder.mkdir(parents=True)
        taps = session.cca.config.getoption("cca_tap") is not False
        machine = FakeLinuxMachine(session.built, folder, taps=taps)
        session.notes.append("no snapshot: the disk is full")
        return SimpleNamespace(
            machine=machine, origin="cold boot", dismissed=False, stop=lambda: None
        )

    monkeypatch.setattr(HostSession, "start", start)
    monkeypatch.setattr(HostSession, "stack", property(lambda session: session.cca.stack))
    monkeypatch.setattr(HostSession, "built", property(lambda session: session.cca.built))
    monkeypatch.setattr(hosting, "choose_tap", lambda *_: (None, "none is wanted"))
    return inner


FAILING = """
    def test_wrong(host):
        host.machine.call(0x10001)
        assert host.origin == "snapshot"
"""


def test_a_failure_on_a_host_says_what_one_on_bare_metal_does(linux: Inner) -> None:
    result = linux.run(FAILING, "--linux-stack", "a b")
    result.assert_outcomes(failed=1)
    folder = next(linux.run_folder.glob("*test_wrong*"))
    lines = section(result)
    assert lines[:4] == [
        "verdict:   assertion (phase call)",
        "host:      came up from: cold boot",
        "no snapshot: the disk is full",
        "last calls:",
    ]
    calls = lines[4 : lines.index(f"timeline:  {folder}/timeline.html")]
    assert "RMI_VERSION(req=0x10001)" in calls[0]
    assert "^^ violation: model-verdict" in calls[1]
    assert "alarm:     none" in lines
    assert [line for line in lines if line.startswith("last lines")] == [
        "last lines of console 'ns':",
        "last lines of console 'secure':",
    ]
    assert lines[-2].endswith("::test_wrong' --stack " + f"{linux.stack} --linux-stack 'a b'")
    assert lines[-1] == f"artefacts: {folder}"
    assert "- host -" not in result.stdout.str()


def test_a_failure_on_a_host_is_written_to_the_folder_of_the_test(linux: Inner) -> None:
    linux.run(FAILING)
    [facts] = linux.failures()
    machine = linux.run_folder / "machines" / "main" / "host"
    folder = Path(str(facts["artefacts"]))
    assert (facts["verdict"], facts["phase"], facts["stack"]) == ("assertion", "call", "fake")
    assert "'snapshot'" in str(facts["error"])
    assert facts["positions"] == ["PE 0: EL2 at 0x60001234"]
    assert set(facts["consoles"]) == {"host", "secure"}  # type: ignore[call-overload]
    assert facts["machine_folder"] == str(machine)
    assert cast("dict[str, object]", facts["recording"])["file"] == str(machine / "calls.tap")
    assert (folder / "machine").resolve() == machine
    assert (folder / "timeline.html").is_file()


def test_without_a_tap_a_failure_on_a_host_says_why_there_are_no_calls(linux: Inner) -> None:
    lines = section(linux.run(FAILING, "--no-tap"))
    assert "no tap:    none is wanted" in lines
    assert not [line for line in lines if line.startswith(("last calls", "timeline"))]
    [facts] = linux.failures()
    assert facts["last_calls"] == []
