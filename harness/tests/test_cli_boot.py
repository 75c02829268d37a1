# SPDX-License-Identifier: BSD-3-Clause
"""``cca boot``: what is shown, how input is passed on, how a session ends."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from harness.cli.session import WELCOME, Keyboard, Screen, Script
from harness.console import Console
from harness.errors import ConsoleTimeout, ProvisionError
from harness.stack import build_stack, load_stack
from harness.tests.fakes import console_pair
from harness.tests.waiting import until_received

READY = b"MONITOR READY\n"


@pytest.fixture
def ns(tmp_path: Path) -> Iterator[tuple[Console, socket.socket]]:
    console, far = console_pair(tmp_path)
    yield console, far
    console.close()
    far.close()


class FakeClock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def arrived(console: Console, far: socket.socket, data: bytes) -> None:
    """Let the far end say something and wait until the transcript has it."""
    until = console.received_bytes + len(data)
    far.sendall(data)
    until_received(console, until)


def ended(script: Script) -> str:
    return script.ended


def test_other_consoles_are_shown_by_lines_and_the_prompt_again(
    ns: tuple[Console, socket.socket], tmp_path: Path
) -> None:
    secure, secure_far = console_pair(tmp_path, "secure")
    out = io.BytesIO()
    screen = Screen({"ns": ns[0], "secure": secure}, out)
    arrived(*ns, b"\nmonitor> ver")
    arrived(secure, secure_far, b"one\r\ntw")
    assert screen.update() == b"\nmonitor> ver"
    assert out.getvalue() == b"\nmonitor> ver\n[secure] one\nmonitor> ver"
    screen.note("hello")
    assert out.getvalue().endswith(b"ver\ncca: hello\nmonitor> ver")
    screen.finish()
    assert out.getvalue().endswith(b"hello\nmonitor> ver\n[secure] tw\nmonitor> ver\n")
    secure.close()
    secure_far.close()


def test_keyboard_passes_keys_on_up_to_the_escape(ns: tuple[Console, socket.socket]) -> None:
    notes: list[str] = []
    keyboard = Keyboard(ns[0], notes.append)
    keyboard.take(b"ab")
    assert (ns[1].recv(9), keyboard.ended) == (b"ab", "")
    keyboard.take(b"c\x1dd")
    assert (ns[1].recv(9), keyboard.ended) == (b"c", "ended by Ctrl-]")


def test_keyboard_says_how_to_begin_once(ns: tuple[Console, socket.socket]) -> None:
    notes: list[str] = []
    keyboard = Keyboard(ns[0], notes.append)
    for data in (b"MONITOR RE", b"ADY\n", READY):
        keyboard.hear(data)
    assert notes == [WELCOME]


def test_script_waits_for_the_monitor_and_for_each_answer(
    ns: tuple[Console, socket.socket],
) -> None:
    clock = FakeClock()
    script = Script(ns[0], clock)
    script.take(b"one\r\ntwo")
    script.hear(b"booting\n")
    script.take(b"")
    script.hear(READY)
    assert ns[1].recv(99) == b"one\r"
    for data in (b"monitor> ", b"one\nanswer\nmonitor", b""):
        script.hear(data)
    assert ended(script) == ""
    script.hear(b"> ")
    assert ns[1].recv(99) == b"two\r"
    script.hear(b"two\nmonitor> ")
    assert ended(script) == "end of input"


def test_script_without_a_monitor_waits_for_silence(ns: tuple[Console, socket.socket]) -> None:
    clock = FakeClock()
    script = Script(ns[0], clock)
    script.take(b"ls\n\x1drest")
    clock.now_s = 4.9
    script.hear(b"Linux\n")
    clock.now_s = 10
    script.hear(b"")
    assert ns[1].recv(99) == b"ls\r"
    clock.now_s = 10.9
    script.hear(b"files\n# ")
    clock.now_s = 11.8
    script.hear(b"")
    assert ended(script) == ""
    clock.now_s = 12
    script.hear(b"")
    assert ended(script) == "end of input"


def test_script_fails_where_the_monitor_must_come_and_does_not(
    ns: tuple[Console, socket.socket],
) -> None:
    clock = FakeClock()
    script = Script(ns[0], clock, has_monitor=True)
    script.take(b"")
    script.hear(b"NOTICE: BL31\n")
    clock.now_s = 29.9
    script.hear(b"")
    assert ended(script) == ""
    clock.now_s = 30
    with pytest.raises(
        ConsoleTimeout,
        match=r"^the monitor did not come up: no 'MONITOR READY', and nothing has come for 30 s\n"
        r"(.|\n)*hint: the firmware hangs: the console says",
    ):
        script.hear(b"")


def test_script_goes_on_where_the_monitor_has_come(ns: tuple[Console, socket.socket]) -> None:
    clock = FakeClock()
    script = Script(ns[0], clock, has_monitor=True)
    script.take(b"")
    clock.now_s = 29
    script.hear(READY)
    assert ended(script) == "end of input"


def test_script_reports_a_prompt_that_does_not_return(ns: tuple[Console, socket.socket]) -> None:
    clock = FakeClock()
    script = Script(ns[0], clock)
    script.take(b"smc 1\n")
    script.hear(READY)
    clock.now_s = 31
    with pytest.raises(ConsoleTimeout, match=r"did not return after 'smc 1'; nothing .* 30 s"):
        script.hear(b"")


def test_script_takes_no_more_input_than_it_can_send(ns: tuple[Console, socket.socket]) -> None:
    script = Script(ns[0])
    while script.wants_input:
        script.take(b"y\n" * 2000)
    assert not script.ended


Settings = list[int | list[bytes | int]]
BOOT = [sys.executable, "-m", "harness.cli.main", "boot"]


@pytest.fixture(scope="module")
def _built() -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def terminal(_built: None, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """`cca boot` begins when it gets a line: see ``begun``."""
    words = ["-c", 'read -r go; exec "$@"', "sh", *BOOT, "--runs", str(tmp_path)]
    child = pexpect.spawn("/bin/sh", words, timeout=120, encoding="utf-8")
    yield child
    child.close(force=True)


def begun(terminal: pexpect.spawn[str]) -> Settings:
    """Let it begin; how the terminal was set before."""
    before = termios.tcgetattr(terminal.child_fd)
    terminal.send("\n")
    return before


def qemu_of(terminal: pexpect.spawn[str]) -> int:
    """The one process that `cca boot` has started."""
    tasks = Path(f"/proc/{terminal.pid}/task").glob("*/children")
    (child,) = [int(word) for task in tasks for word in task.read_text().split()]
    return child


def assert_gone(pid: int) -> None:
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.qemu
def test_a_session_in_a_terminal(terminal: pexpect.spawn[str]) -> None:
    before = begun(terminal)
    terminal.expect_exact(f"cca: {WELCOME}\r\n")
    assert termios.tcgetattr(terminal.child_fd) != before
    terminal.send("\r")
    terminal.expect_exact("monitor> ")
    terminal.send("version\r")
    terminal.expect_exact("version\r\nRMI_SUCCESS\r\nRMI 1.0 to 1.0\r\nmonitor> ")
    qemu = qemu_of(terminal)
    terminal.send("\x1d")
    terminal.expect_exact("cca: ended by Ctrl-]\r\n")
    terminal.expect(pexpect.EOF)
    after = termios.tcgetattr(terminal.child_fd)
    terminal.close()
    assert (terminal.exitstatus, terminal.signalstatus) == (0, None)
    assert after == before
    assert_gone(qemu)


@pytest.mark.qemu
def test_qemu_killed_under_a_person(terminal: pexpect.spawn[str]) -> None:
    before = begun(terminal)
    terminal.expect_exact(WELCOME)
    os.kill(qemu_of(terminal), signal.SIGKILL)
    terminal.expect_exact("cca: error: QEMU is gone: killed by SIGKILL\r\n")
    terminal.expect(r"hint: boot the same by hand: .*/qemu\.sh\r\n")
    terminal.expect(pexpect.EOF)
    assert termios.tcgetattr(terminal.child_fd) == before
    terminal.close()
    assert terminal.exitstatus == 2


@pytest.mark.qemu
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal(
    terminal: pexpect.spawn[str], number: signal.Signals
) -> None:
    before = begun(terminal)
    terminal.expect_exact(WELCOME)
    qemu = qemu_of(terminal)
    terminal.kill(number)
    terminal.expect(pexpect.EOF)
    assert termios.tcgetattr(terminal.child_fd) == before
    terminal.close()
    assert terminal.exitstatus == 128 + number
    assert_gone(qemu)


def piped(script: str, runs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BOOT, "--runs", str(runs)],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.qemu
@pytest.mark.usefixtures("_built")
def test_a_script_from_a_pipe(tmp_path: Path) -> None:
    done = piped("version\ndelegate 80000000\nread 80000000", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "MONITOR READY\n"
        "monitor> version\nRMI_SUCCESS\nRMI 1.0 to 1.0\n"
        "monitor> delegate 80000000\nRMI_SUCCESS\n"
        "monitor> read 80000000\n"
        "abort: ESR 0x96000028 FAR 0x80000000, granule protection fault\n"
        "monitor> \ncca: end of input\n"
    )


@pytest.mark.qemu
@pytest.mark.usefixtures("_built")
def test_a_script_may_switch_the_machine_off(tmp_path: Path) -> None:
    done = piped("smc 84000008\nversion\n", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\ncca: the machine has switched itself off\n")
