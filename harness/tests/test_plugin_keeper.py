# SPDX-License-Identifier: BSD-3-Clause
"""The keeper: one machine, used again while it is clean, and what it says when it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import AlarmRaised, BootFailed, MachineError
from harness.machine import Machine
from harness.plugin import keeper
from harness.plugin.keeper import LeakFound, MachineKeeper, Running, boot_machine
from harness.plugin.tapping import Watch
from harness.stack import BuiltStack
from harness.tap import TapError
from harness.tests.fake_host import FakeHost
from harness.tests.plugin_fakes import FakeMachine, FakeMachines
from harness.types import GRANULE_BYTES

PAGE = GRANULE_BYTES
BUILT = cast("BuiltStack", SimpleNamespace(capabilities=frozenset({"wiping"})))


@pytest.fixture
def machines() -> FakeMachines:
    return FakeMachines()


@pytest.fixture
def subject(machines: FakeMachines, tmp_path: Path) -> MachineKeeper:
    return MachineKeeper(BUILT, tmp_path, "serial", machines.boot)


def host_of(running: Running) -> FakeHost:
    assert isinstance(running.link, FakeHost)
    return running.link


def test_nothing_boots_before_it_is_needed(subject: MachineKeeper, machines: FakeMachines) -> None:
    subject.audit()
    subject.close()
    assert subject.running is None
    assert machines.booted == []


def test_clean_machine_is_used_again(subject: MachineKeeper, machines: FakeMachines) -> None:
    first = subject.acquire()
    first.world.undelegate(first.world.delegated())
    subject.audit()
    assert subject.acquire() is first
    assert subject.running is first
    assert machines.booted[0].kind == "serial"
    subject.close()
    assert machines.stopped == [1]


def test_machine_that_cannot_begin_is_replaced(
    subject: MachineKeeper, machines: FakeMachines
) -> None:
    """Its recording is gone, or damaged: that is one test's error."""

    def cut_short() -> None:
        raise TapError("cut short")

    running = subject.acquire()
    running.watch = cast("Watch", SimpleNamespace(begin=cut_short))
    with pytest.raises(TapError):
        subject.acquire()
    assert machines.stopped == [1]
    assert subject.acquire() is not running


def test_retired_machine_is_replaced(
    subject: MachineKeeper, machines: FakeMachines, tmp_path: Path
) -> None:
    first = subject.acquire()
    subject.retire()
    assert subject.acquire() is not first
    assert machines.stopped == [1, 0]
    assert [one.machine.folder for one in machines.booted] == [
        tmp_path / "boot-1",
        tmp_path / "boot-2",
    ]


def test_books_and_calls_are_those_of_one_test(subject: MachineKeeper) -> None:
    running = subject.acquire()
    running.world.undelegate(running.world.delegated())
    subject.audit()
    subject.acquire()
    assert running.world.pool.taken() == []
    assert running.world.ledger.returned() == []
    assert running.world.ledger.calls == 0
    assert not running.link.log


def leak_one(running: Running) -> None:
    running.world.delegated()


def leak_behind_the_ledger(running: Running) -> None:
    host_of(running).delegated.add(running.world.page() + PAGE)
    running.world.pool.take()


def leave_unwiped(running: Running) -> None:
    host_of(running).wipes = False
    base = running.world.page(b"secret")
    running.world.delegate(base)
    running.world.undelegate(base)


def leak_many(running: Running) -> None:
    running.world.delegated(25)


BOTH_WAYS = """\
2 traces of granules left behind:
  0x80000000 delegated by call #1, last used as DELEGATED
  0x80000000 still faults in the normal world
hint: call numbers count the SMCs of this test"""


@pytest.mark.parametrize(
    ("leak", "text"),
    [
        (leak_one, BOTH_WAYS),
        (
            leak_behind_the_ledger,
            "1 traces of granules left behind:\n  0x80001000 still faults in the normal world\n",
        ),
        (
            leave_unwiped,
            "1 traces of granules left behind:\n  0x80000000 was given back but not wiped\n",
        ),
        (leak_many, "  0x80013000 delegated by call #20, last used as DELEGATED\n  and 30 more\n"),
    ],
)
def test_traces_are_listed_and_the_machine_is_replaced(
    subject: MachineKeeper, machines: FakeMachines, leak: Callable[[Running], None], text: str
) -> None:
    leak(subject.acquire())
    with pytest.raises(LeakFound) as caught:
        subject.audit()
    assert text in str(caught.value)
    assert caught.value.verdict == "assertion"
    assert machines.stopped == [1]
    assert subject.running is None


def test_probe_covers_runs_longer_than_one_request(
    subject: MachineKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_PROBE_GRANULES", 4)
    running = subject.acquire()
    base = running.world.pool.take(10)
    # Number 10 is not one of those that the test took.
    host_of(running).delegated |= {base + n * PAGE for n in (0, 3, 4, 9, 10)}
    with pytest.raises(LeakFound) as caught:
        subject.audit()
    shown = [f"{base + n * PAGE:#x} still faults" for n in (0, 3, 4, 9)]
    assert str(caught.value).count("still faults") == 4
    assert all(line in str(caught.value) for line in shown)


def test_alarm_is_found_and_the_machine_is_replaced(
    subject: MachineKeeper, machines: FakeMachines
) -> None:
    subject.acquire()
    machines.booted[0].machine.alarms.feed("secure", b"PANIC in EL3.\n")
    with pytest.raises(AlarmRaised, match="PANIC in EL3"):
        subject.audit()
    assert machines.stopped == [1]


def test_pe_is_switched_on_once(subject: MachineKeeper) -> None:
    running = subject.acquire()
    for pe in (0, 1, 1):
        running.switch_on(pe)
    assert host_of(running).pes_on == [1]


def test_pe_that_does_not_come(subject: MachineKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    running = subject.acquire()
    monkeypatch.setattr(running.link, "cpu_on", lambda _pe: -2)
    with pytest.raises(MachineError, match="PSCI CPU_ON of PE 1 answered INVALID_PARAMETERS\n"):
        running.switch_on(1)
    assert running.pes == {0}


def test_stack_without_wiping_is_not_asked_for_it(machines: FakeMachines, tmp_path: Path) -> None:
    built = cast("BuiltStack", SimpleNamespace(capabilities=frozenset()))
    subject = MachineKeeper(built, tmp_path, "serial", machines.boot)
    leave_unwiped(subject.acquire())
    subject.audit()
    assert subject.running is not None


class Launched(FakeMachine):
    """In place of the class Machine: launches the one given."""

    ram = SimpleNamespace(read=lambda _pa, size_bytes: bytes(size_bytes))

    tap_file: Path | None = None

    def launch(self, built: BuiltStack, folder: Path, *, name: str, tap: object) -> Launched:
        self.folder = folder / name
        return self


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Launched:
    machine = Launched(BUILT, tmp_path)
    monkeypatch.setattr(keeper, "Machine", machine)
    return machine


def test_booted_machine_has_books_of_its_calls(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(keeper, "_link", lambda *_: FakeHost())
    running = boot_machine(BUILT, tmp_path, "boot-1", "mailbox")
    assert running.machine is cast("Machine", launched)
    assert launched.folder == tmp_path / "boot-1"
    running.world.delegated()
    assert len(running.world.ledger.leaks()) == 1


def test_machine_that_does_not_boot_is_stopped(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Deaf(FakeHost):
        def hello(self, timeout_s: float | None = None) -> None:  # type: ignore[override]
            raise BootFailed("the firmware did not hand over")

    monkeypatch.setattr(keeper, "_link", lambda *_: Deaf())
    with pytest.raises(BootFailed, match="did not hand over"):
        boot_machine(BUILT, tmp_path, "boot-1", "mailbox")
    assert launched.stopped == 1


def test_machine_whose_pes_do_not_come_up_is_stopped_and_its_recording_closed(
    launched: Launched, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Lame(FakeHost):
        def cpu_on(self, pe: int, timeout_s: float = 10.0) -> int:
            return -6

    class Heard(SimpleNamespace):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    trial = Heard()
    launched.tap_file = tmp_path / "calls.tap"
    monkeypatch.setattr(keeper, "Trial", lambda *_: trial)
    monkeypatch.setattr(keeper, "Tap", lambda *_: None)
    monkeypatch.setattr(keeper, "_link", lambda *_: Lame())
    launched.built = cast(
        "BuiltStack",
        SimpleNamespace(capabilities={"rmi-1.0"}, machine=SimpleNamespace(cpus=2)),
    )
    with pytest.raises(MachineError, match="CPU_ON of PE 1 answered INTERNAL_FAILURE\nlast lines"):
        boot_machine(launched.built, tmp_path, "boot-1", "mailbox", rules=True)
    assert (launched.stopped, trial.closed) == (1, 1)


@pytest.mark.parametrize(("kind", "name"), [("serial", "SerialLink"), ("mailbox", "MailboxLink")])
def test_kind_of_link(kind: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for known in ("SerialLink", "MailboxLink"):
        monkeypatch.setattr(keeper, known, lambda *args, known=known: (known, *args))
    machine = cast("Machine", SimpleNamespace(consoles={"ns": "console"}))
    built = cast("BuiltStack", SimpleNamespace(elfs={"host": "elf"}))
    made = cast("tuple[str, ...]", keeper._link(kind, machine, built))
    assert made[0] == name
    assert made[-1] == ("console" if kind == "serial" else "elf")
