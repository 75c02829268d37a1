# SPDX-License-Identifier: BSD-3-Clause
"""A launched realm: what its VMM and guest said, what proves that it is one, how it ended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.console import Console
from harness.errors import AlarmRaised, ConsoleTimeout
from harness.launch import EXPLICIT, RealmConfig, kvmtool
from harness.launch.output import Range, read_output
from harness.launch.running import Ended, Evidence, NotARealm, RealmFailed, RunningRealm, succeeded
from harness.tap import Event, TapFile, assemble
from harness.tests.fakes import console_pair
from harness.tests.tap_files import Writer
from harness.types import Ipa

KVMTOOL = """\
  # lkvm run -k Image -m 256 -c 1 --name guest-71
  Info: Initialized IPA range (0x80000000 - 0x90000000) as RAM
  Info: Populated Realm memory area : 80200000 - 81a00000 (size 25165824 bytes)
  Info: Populated Realm memory area : 8fe00000 - 8fe10000 (size 65536 bytes)
[    0.000000] RME: Using RSI version 1.0
[    0.100000] Run /init as init process
  Info: KVM session ended normally.
"""


def test_what_kvmtool_and_its_guest_said() -> None:
    said = read_output(KVMTOOL)
    assert said.ripas_ram == (Range(Ipa(0x80000000), Ipa(0x90000000)),)
    assert said.populated == (
        Range(Ipa(0x80200000), Ipa(0x81A00000)),
        Range(Ipa(0x8FE00000), Ipa(0x8FE10000)),
    )
    assert said.populated[1].size_bytes == 65536
    assert (said.rsi_version, said.ended_normally) == ("1.0", True)
    assert (said.fatal, said.panic) == ("", "")


@pytest.mark.parametrize(
    ("line", "fatal"),
    [
        ("  Fatal: KVM doesn't support Realms", "KVM doesn't support Realms"),
        ("  Fatal: unable to populate Realm memory \r", "unable to populate Realm memory"),
        ("qemu-system-aarch64: rme: no realms", "rme: no realms"),
    ],
)
def test_complaint_of_a_vmm(line: str, fatal: str) -> None:
    assert read_output(f"first\n{line}\nlast\n").fatal == fatal


def test_panic_of_the_guest_although_the_vmm_is_content() -> None:
    text = "[ 1.0] Kernel panic - not syncing: Attempted to kill init!\n" + KVMTOOL
    said = read_output(text)
    assert said.panic == "Attempted to kill init!"
    assert said.ended_normally
    assert not Ended(0, said).clean


class FakeProcess:
    """A VMM whose console is a socket; it ends when it is told to."""

    def __init__(self, console: Console, far: socket.socket) -> None:
        self.console = console
        self.far = far
        self.status: int | None = None
        self.signals: list[str] = []

    @property
    def output(self) -> str:
        return self.console.recent().decode()

    def say(self, text: str, until: str) -> None:
        self.far.sendall(text.encode())
        self.console.expect(until, 5)

    def poll(self) -> int | None:
        return self.status

    def wait(self, timeout_s: float) -> int:
        assert self.status is not None
        return self.status

    def kill(self, signal: str = "KILL") -> None:
        self.signals.append(signal)
        self.status = 137

    def close(self, timeout_s: float = 5.0) -> None:
        if self.status is None:
            self.kill()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[FakeProcess]:
    console, far = console_pair(tmp_path, "realm")
    yield FakeProcess(console, far)
    far.close()
    console.close()


CONFIG = RealmConfig(kernel="/Image")


def realm_of(process: FakeProcess, events: list[Event] | None = None) -> RunningRealm:
    seen = None if events is None else (lambda: events)
    return RunningRealm(kvmtool(EXPLICIT), CONFIG, process, seen)


def events_of(folder: Path, *names: str) -> list[Event]:
    writer = Writer()
    for name in names:
        writer.back(writer.call(name), 0)
    with TapFile(writer.write(folder / "calls.tap")) as file:
        return list(assemble(file.records()))


ALL = ("RMI_REALM_CREATE", "RMI_REC_CREATE", "RMI_REALM_ACTIVATE", "RMI_REC_ENTER")


def test_clean_end(process: FakeProcess) -> None:
    realm = realm_of(process)
    assert realm.running
    process.say(KVMTOOL, "ended normally.\n")
    process.status = 0
    assert realm.finish(1).clean
    assert realm.process.poll() == 0
    assert realm.command.startswith("lkvm run --realm ")


def test_end_with_an_error_is_told_with_the_last_lines(process: FakeProcess) -> None:
    process.say("one\n  Fatal: KVM doesn't support Realms\n", "Realms\n")
    process.status = 128
    with pytest.raises(RealmFailed, match="did not end cleanly: KVM doesn't") as caught:
        realm_of(process).finish(1)
    assert "  | one\n  |   Fatal: KVM doesn't support Realms" in caught.value.message


def test_end_without_a_word_is_told_by_its_status(process: FakeProcess) -> None:
    process.status = 137
    with pytest.raises(RealmFailed, match="did not end cleanly: exit status 137"):
        realm_of(process).finish(1)


def named(process: FakeProcess, line: str) -> RunningRealm:
    """A realm whose last lines have an address that has a name."""
    process.say(f"{line}\n", "\n")
    names = {line: ["0x10008 realm: op_read+0x8 op_memory.c:16"]}
    return RunningRealm(kvmtool(EXPLICIT), CONFIG, process, None, lambda text: names[text])


NAMED = r"\nin the realm: 0x10008 realm: op_read\+0x8 op_memory\.c:16"


def test_end_by_an_exception_has_its_place(process: FakeProcess) -> None:
    realm = named(process, "exception, elr 0x10008")
    process.status = 3
    with pytest.raises(RealmFailed, match=f"(?s)exit status 3\n.*{NAMED}$"):
        realm.finish(1)
    evidence = realm.evidence()
    assert evidence.names == ("0x10008 realm: op_read+0x8 op_memory.c:16",)
    with pytest.raises(NotARealm, match=f"there is no tap.*{NAMED}\nhint"):
        evidence.require()


def test_what_cannot_be_waited_for_has_the_place_too(process: FakeProcess) -> None:
    realm = named(process, "pc : 0x10008")
    with pytest.raises(ConsoleTimeout, match=f"(?s)wanted /never/.*{NAMED}\nhint"):
        realm.expect("never", 0)


def test_alarm_of_a_guest_has_the_place_too(process: FakeProcess) -> None:
    realm = named(process, "Internal error: Oops: 96000004")
    with pytest.raises(AlarmRaised, match=f"(?s)kernel-oops on console.*{NAMED}\nhint"):
        realm.expect("never", 60)


def test_vmm_is_killed_when_its_realm_is_closed(process: FakeProcess) -> None:
    realm = realm_of(process)
    realm.close()
    realm.close()
    assert process.signals == ["KILL"]


def test_realm_is_proved_by_the_tap(process: FakeProcess, tmp_path: Path) -> None:
    evidence = realm_of(process, events_of(tmp_path, *ALL)).evidence()
    assert evidence.is_realm
    assert not evidence.no_rmi
    evidence.require()


def test_guest_that_says_rsi_is_no_realm_where_the_tap_saw_none(
    process: FakeProcess, tmp_path: Path
) -> None:
    """Anybody can print a line; the tap is asked first."""
    process.say(KVMTOOL, "ended normally.\n")
    evidence = realm_of(process, events_of(tmp_path, "RMI_VERSION")).evidence()
    assert not evidence.is_realm
    assert evidence.no_rmi
    with pytest.raises(NotARealm, match="the tap has no RMI_REALM_CREATE, RMI_REC_CREATE, "):
        evidence.require()


def test_realm_is_proved_by_its_console_where_there_is_no_tap(process: FakeProcess) -> None:
    realm = realm_of(process)
    with pytest.raises(NotARealm, match="there is no tap, its console shows no RSI version"):
        realm.evidence().require()
    process.say(KVMTOOL, "ended normally.\n")
    assert realm.evidence().rsi_version == "1.0"
    realm.evidence().require()


def test_calls_that_failed_prove_nothing(tmp_path: Path) -> None:
    writer = Writer()
    for name in ALL:
        writer.back(writer.call(name), 1)
    with TapFile(writer.write(tmp_path / "calls.tap")) as file:
        counts = succeeded(assemble(file.records()))
    assert counts == {}
    assert Evidence(counts, "", 0).no_rmi
