# SPDX-License-Identifier: BSD-3-Clause
"""Real QEMUs with a few instructions of firmware: start, talk, hang, die, leave nothing."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import AlarmRaised, ConsoleTimeout, HarnessError, LaunchError, MachineDied
from harness.link import MailboxLink
from harness.machine import Machine
from harness.machine.process import ChildProcess, describe_status
from harness.machine.qmp import QmpError
from harness.tests.fakes import BOXES, FakeShape, FakeStack, speaking_firmware
from harness.tests.waiting import PATIENCE_S, gone, until, until_received
from harness.transcript import TranscriptError

_QEMU = shutil.which("qemu-system-aarch64")
pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(_QEMU is None, reason="qemu-system-aarch64 is not on PATH"),
]

_MEMORY = 1 << 30
_HANGS = "PE 0: EL1 at 0x18"
"""Where ``speaking_firmware`` ends."""
Launch = Callable[..., Machine]


def _stack(folder: Path, text: bytes, shape: FakeShape | None = None) -> FakeStack:
    flash = folder / "flash.bin"
    flash.write_bytes(speaking_firmware(text))
    return FakeStack(Path(_QEMU or ""), flash, machine=shape or FakeShape(_MEMORY))


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    machines: list[Machine] = []

    def start(text: bytes = b"hello\n", shared_ram: bool = True) -> Machine:
        stack = _stack(tmp_path, text)
        machines.append(Machine.launch(stack, tmp_path / "runs", shared_ram=shared_ram))
        return machines[-1]

    yield start
    for machine in machines:
        machine.stop(soft_s=0)


def _descriptors() -> set[tuple[str, str]]:
    """What this process has open: number and file; not the look itself."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add((link.name, str(link.readlink())))
    return found


def test_console_ram_and_qmp_of_a_running_machine(launch: Launch) -> None:
    machine = launch(b"one two\n")
    machine.consoles["ns"].expect("two", PATIENCE_S)
    assert machine.alive
    assert machine.qmp("query-status") == {"running": True, "status": "running"}
    machine.ram.write(0x4800_0000, b"seen by both")
    shown = machine.qmp(
        "human-monitor-command", command_line="xp /4xb 0x48000000", timeout_s=PATIENCE_S
    )
    assert "0x73 0x65 0x65 0x6e" in str(shown)
    assert int(machine.version.split(".")[0]) >= 7


def test_artefacts_hold_transcripts_output_and_a_script(launch: Launch) -> None:
    machine = launch(b"kept\n")
    machine.consoles["ns"].expect("kept\n", PATIENCE_S)  # a console may come byte by byte
    assert (machine.folder / "ns.log").read_bytes() == b"kept\n"
    script = machine.folder / "qemu.sh"
    assert os.access(script, os.X_OK)
    assert "-serial stdio" in script.read_text()


def test_stop_reaps_and_may_be_called_again(launch: Launch) -> None:
    machine = launch()
    pid = machine.pid
    assert machine.stop(soft_s=PATIENCE_S) == 0
    assert machine.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not machine.alive


def test_descriptors_do_not_leak(launch: Launch) -> None:
    launch().stop()
    before = _descriptors()
    machine = launch()
    machine.qmp("query-status")
    machine.stop()
    # What an earlier test left may go meanwhile.
    assert _descriptors() - before == set()


def test_two_machines_do_not_meet(launch: Launch) -> None:
    first, second = launch(b"first\n"), launch(b"second\n")
    second.consoles["ns"].expect("second", PATIENCE_S)
    first.consoles["ns"].expect("first", PATIENCE_S)
    first.ram.write(0x4800_0000, b"1")
    assert second.ram.is_zero(0x4800_0000, 1)
    assert first.folder != second.folder
    first.stop()
    assert second.alive


def test_killed_qemu_is_reported_with_signal_lines_and_folder(launch: Launch) -> None:
    machine = launch(b"last words\n")
    machine.consoles["ns"].expect("words", PATIENCE_S)
    os.kill(machine.pid, signal.SIGKILL)
    until(lambda: not machine.alive, "QEMU is gone")
    with pytest.raises(MachineDied) as caught:
        machine.check()
    text = str(caught.value)
    assert "QEMU of machine 'machine' is gone: killed by SIGKILL" in text
    assert "  | last words" in text
    assert "first alarm: none" in text
    assert f"artefacts: {machine.folder}" in text
    assert f"hint: boot the same by hand: {machine.folder}/qemu.sh" in text


def test_qemu_killed_in_mid_call_ends_the_call(launch: Launch) -> None:
    machine = launch()
    link = MailboxLink(machine, BOXES)
    killer = threading.Timer(0.2, os.kill, (machine.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(MachineDied, match="killed by SIGKILL"):
        link.smc(0xC4000150, timeout_s=3600)
    killer.join()
    link.close()


def test_hung_firmware_is_a_time_out_that_shows_how_far_it_came(launch: Launch) -> None:
    said = b"NOTICE:  BL31: v2.12\n"
    machine = launch(said)
    until_received(machine.consoles["ns"], len(said))
    with pytest.raises(ConsoleTimeout) as caught:
        machine.consoles["ns"].expect("MONITOR READY", 1)
    assert "  | NOTICE:  BL31: v2.12" in str(caught.value)
    assert machine.alive


def test_report_says_where_each_pe_is(launch: Launch) -> None:
    machine = launch(b"hello\n")
    # It stays there when the text is out; of a QEMU that is slow to answer nothing is said.
    until(lambda: machine.positions() == [_HANGS], "PE 0 is in the loop behind the text")
    until(lambda: _HANGS in machine.describe(), "the report says so")
    machine.stop()
    assert machine.positions() == []


def test_refused_manifest_is_an_alarm_not_a_time_out(launch: Launch) -> None:
    said = b"ERROR:   RMM init failed: -7\nNOTICE:  BL31: going on\n"
    machine = launch(said)
    with pytest.raises(AlarmRaised, match="boot code -7, MANIFEST_DATA_ERROR"):
        machine.consoles["ns"].expect("MONITOR READY", 3600)
    until_received(machine.consoles["ns"], len(said))
    with pytest.raises(AlarmRaised, match="BL31: going on"):
        machine.check()


def test_stopped_machine_says_so(launch: Launch) -> None:
    machine = launch()
    machine.stop()
    with pytest.raises(MachineDied, match="is gone: it was stopped"):
        machine.check()
    with pytest.raises(QmpError, match="the machine was stopped"):
        machine.qmp("query-status")


def test_refused_qmp_command_names_command_and_reason(launch: Launch) -> None:
    with pytest.raises(QmpError, match=r"QMP nonsense {'a-b': 1}: .*not been found"):
        launch().qmp("nonsense", a_b=1)


def test_anonymous_ram_is_not_readable_and_says_how(launch: Launch) -> None:
    with pytest.raises(HarnessError, match=r"does not share its RAM\nhint: launch\(shared_ram"):
        _ = launch(shared_ram=False).ram


def test_bad_command_line_is_a_launch_error_with_qemus_words(tmp_path: Path) -> None:
    stack = _stack(tmp_path, b"", FakeShape(_MEMORY, cpu="no-such-cpu"))
    with pytest.raises(LaunchError) as caught:
        Machine.launch(stack, tmp_path / "runs")
    text = str(caught.value)
    assert "QEMU ended before it ran: exit status 1" in text
    assert "unable to find CPU model 'no-such-cpu'" in text
    assert "by hand: " in text


def test_missing_qemu_is_a_launch_error(tmp_path: Path) -> None:
    stack = FakeStack(Path("/nonexistent/qemu"), tmp_path / "flash.bin")
    with pytest.raises(LaunchError, match="there is no program /nonexistent/qemu"):
        Machine.launch(stack, tmp_path / "runs")


def test_unusable_folder_is_a_launch_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LaunchError, match=r"cannot prepare machine 'machine' in .*file: .*"):
        Machine.launch(_stack(tmp_path, b""), tmp_path / "file")


def test_full_disk_shows_at_the_next_check(launch: Launch) -> None:
    machine = launch()
    transcript = machine.consoles["ns"].transcript
    # at once: the console's thread may write at any moment
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, transcript._fds[0], inheritable=False)
    os.close(full)
    transcript.write(b"more")
    with pytest.raises(TranscriptError, match="No space left on device"):
        machine.check()


_OWNER = """
import sys, time
from pathlib import Path
from harness.machine import Machine
from harness.tests.fakes import FakeStack
machine = Machine.launch(FakeStack(Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]))
print(machine.pid, flush=True)
time.sleep(3600)
"""


def test_killed_owner_leaves_no_qemu_behind(tmp_path: Path) -> None:
    stack = _stack(tmp_path, b"")
    command = [sys.executable, "-c", _OWNER, str(stack.qemu), str(stack.flash), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert not gone(pid)
        owner.kill()
    until(lambda: gone(pid), "QEMU is gone")


def test_machine_outlives_the_thread_that_launched_it(launch: Launch) -> None:
    machines: list[Machine] = []
    thread = threading.Thread(target=lambda: machines.append(launch(b"still here\n")))
    thread.start()
    thread.join()
    machines[0].consoles["ns"].expect("still here", PATIENCE_S)
    assert machines[0].qmp("query-status") == {"running": True, "status": "running"}


def test_process_that_ignores_the_soft_stop_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo deaf; while :; do sleep 0.05; done"
    child = ChildProcess.start(["sh", "-c", script], [], tmp_path / "out")
    until(lambda: child.output_tail() == "deaf", "it ignores the signal")
    assert child.poll() is None
    assert describe_status(child.stop(soft_s=0.2)) == "killed by SIGKILL"


def test_command_that_cannot_be_passed_on_is_a_launch_error(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="cannot start sh: embedded null byte"):
        ChildProcess.start(["sh", "-c", "a\0b"], [], tmp_path / "out")
    with pytest.raises(LaunchError, match=r"cannot start sh: .*No such file or directory"):
        ChildProcess.start(["sh"], [], tmp_path / "none" / "out")
    assert ChildProcess.start(["true"], [], tmp_path / "out").stop(soft_s=30) in (0, -15)


def test_status_in_words() -> None:
    assert describe_status(None) == "still running"
    assert describe_status(3) == "exit status 3"
    assert describe_status(-11) == "killed by SIGSEGV"
    assert describe_status(-200) == "killed by signal 200"


def test_inherited_descriptor_keeps_its_number(tmp_path: Path) -> None:
    near, far = socket.socketpair()
    script = f"import os; os.write({far.fileno()}, b'through')"
    child = ChildProcess.start([sys.executable, "-c", script], [far.fileno()], tmp_path / "out")
    far.close()
    assert near.recv(100) == b"through"
    assert child.stop(soft_s=PATIENCE_S) in (0, -signal.SIGTERM)
    near.close()
