# SPDX-License-Identifier: BSD-3-Clause
"""Nothing stays behind of a machine whose start or end is cut short."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from harness.errors import LaunchError
from harness.machine import GuestRam, Machine
from harness.machine.process import ChildProcess
from harness.machine.ram import RAM_BASE, RamError
from harness.plugin.results import missed_deadline
from harness.tests.fakes import FakeShape, FakeStack
from harness.tests.waiting import PATIENCE_S, gone, until
from harness.transcript import TranscriptError

_SPEAKS_QMP = f"""#!{sys.executable} -S
import os, sys, time
[fd] = [int(word.rpartition("=")[2]) for word in sys.argv if word.startswith("socket,id=qmp,")]
version = {{"qemu": {{"major": 10, "minor": 0, "micro": 0}}}}
greeting = str({{"QMP": {{"version": version}}}}).replace("'", '"')
os.write(fd, greeting.encode() + b'\\n{{"return": {{}}}}\\n')
time.sleep(3600)
"""


def descriptors() -> set[tuple[str, str]]:
    """What this process has open: number and file; not the look itself."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add((link.name, str(link.readlink())))
    return found


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    """What calls itself QEMU speaks the first words of QMP and then sleeps."""
    qemu = tmp_path / "qemu"
    qemu.write_text(_SPEAKS_QMP)
    qemu.chmod(0o755)
    return FakeStack(qemu, tmp_path / "flash", machine=FakeShape(16 << 20))


def test_console_that_cannot_be_made_leaves_nothing(stack: FakeStack, tmp_path: Path) -> None:
    before, threads = descriptors(), set(threading.enumerate())
    with pytest.raises(TranscriptError, match="No such file"):
        Machine.launch(stack, tmp_path / "runs", consoles=("ns", "no/such"))
    # What an earlier test left may go meanwhile.
    until(lambda: set(threading.enumerate()) <= threads, "no thread is left")
    assert descriptors() - before == set()


def test_interrupted_stop_ends_everything(
    stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while QEMU is given time to end by itself."""
    ChildProcess.start(["true"], [], tmp_path / "out").stop()  # the forking thread stays
    before = descriptors()
    machine = Machine.launch(stack, tmp_path / "runs")
    wait = subprocess.Popen.wait
    interrupts = iter([KeyboardInterrupt()])

    def interrupted(self: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        for interrupt in interrupts:
            raise interrupt
        return wait(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.stop()
    until(lambda: gone(machine.pid), "QEMU is gone")
    assert all(console.closed for console in machine.consoles.values())
    assert descriptors() - before == set()
    assert machine.stop() == -signal.SIGTERM


def test_part_that_cannot_be_closed_keeps_no_other_open(
    stack: FakeStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine.launch(stack, tmp_path / "runs")

    def refuse(*_: object) -> None:
        raise RuntimeError("does not close")

    monkeypatch.setattr(machine.consoles["ns"].transcript, "close", refuse)
    with pytest.raises(RuntimeError, match="does not close"):
        machine.stop()
    assert machine.consoles["secure"].closed
    with pytest.raises(RamError, match="no longer mapped"):
        machine.ram.read(RAM_BASE, 1)


def test_process_that_nobody_waits_for_any_more_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the program is being started: it is nobody's, and must not live on."""
    begun, go_on = threading.Event(), threading.Event()
    made: list[Any] = []
    real = subprocess.Popen

    def slow(*args: Any, **named: Any) -> Any:
        begun.set()
        go_on.wait(PATIENCE_S)
        made.append(real(*args, **named))
        return made[0]

    def interrupt() -> None:
        begun.wait(PATIENCE_S)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", slow)
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        ChildProcess.start(["sleep", "3600"], [], tmp_path / "out")
    go_on.set()
    until(lambda: made and made[0].poll() is not None, "what was started is gone")


def test_memory_of_a_stopped_machine_is_not_called_zero() -> None:
    """The descriptor's number may be somebody else's by then."""
    ram = GuestRam(1 << 20)
    ram.write(RAM_BASE, b"x")
    ram.close()
    with pytest.raises(RamError, match="no longer mapped"):
        ram.is_zero(RAM_BASE, 1)
    with pytest.raises(RamError, match="no longer mapped"):
        ram.first_nonzero(RAM_BASE, 1)


def test_last_lines_of_an_endless_output_are_cheap(tmp_path: Path) -> None:
    """A QEMU that logs what it executes writes gigabytes."""
    child = ChildProcess.start(["true"], [], tmp_path / "out")
    child.stop(soft_s=PATIENCE_S)
    with child.output.open("wb") as out:
        out.truncate(64 << 20)
        out.seek(0, os.SEEK_END)
        out.write(b"\none\ntwo\n")
    tracemalloc.start()
    tail = child.output_tail(2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tail == "one\ntwo"
    assert most < 8 << 20


def test_qemu_that_ends_at_once_is_told_without_waiting(tmp_path: Path) -> None:
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho no such machine; exit 3\n")
    qemu.chmod(0o755)
    with pytest.raises(LaunchError, match=r"exit status 3\n(?s:.*)no such machine"):
        Machine.launch(FakeStack(qemu, tmp_path / "flash"), tmp_path / "runs")


def test_qemu_that_does_not_speak_is_a_launch_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it wrote, and as something that took too long."""
    monkeypatch.setattr("harness.machine.qemu._LAUNCH_TIMEOUT_S", 1.0)
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho about to think; exec sleep 3600\n")
    qemu.chmod(0o755)
    with pytest.raises(LaunchError, match=r"was silent for 1 s\n(?s:.*)by hand: ") as caught:
        Machine.launch(FakeStack(qemu, tmp_path / "flash"), tmp_path / "runs")
    assert missed_deadline(caught.value) == "yes"
