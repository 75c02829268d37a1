# SPDX-License-Identifier: BSD-3-Clause
"""A shell on a console, with this machine's own shell at the other end of a terminal."""

from __future__ import annotations

import hashlib
import itertools
import os
import pty
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.alarms import AlarmLog
from harness.console import Console
from harness.deadline import Clock, Deadline
from harness.errors import AlarmRaised, ConsoleTimeout
from harness.shell import (
    CommandResult,
    SerialShell,
    ShellCommandFailed,
    ShellError,
    ShellTimeout,
    serial,
)
from harness.tests.fakes import console_pair
from harness.tests.waiting import PATIENCE_S
from harness.transcript import Transcript

QUIET = "stty -echo; trap : INT QUIT; exec </dev/null; while :; do . /dev/tty; done"
"""What the console of a host built here runs; the other is any shell with echo and prompt."""


class Terminal:
    """A pseudo terminal with a shell on it, as a console's transport."""

    def __init__(self, words: list[str]) -> None:
        self._fd, other = pty.openpty()
        self._shell = subprocess.Popen(
            ["setsid", "--ctty", *words], stdin=other, stdout=other, stderr=other
        )
        os.close(other)

    def recv(self, size_bytes: int, /) -> bytes:
        return os.read(self._fd, size_bytes)

    def send(self, data: memoryview, _flags: int, /) -> int:
        return os.write(self._fd, data)

    def fileno(self) -> int:
        return self._fd

    def shutdown(self, _how: int, /) -> None:
        self._shell.kill()
        self._shell.wait()

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture(params=["quiet", "echo"])
def words(request: pytest.FixtureRequest) -> list[str]:
    return ["sh", "-c", QUIET] if request.param == "quiet" else ["sh", "-i"]


@pytest.fixture
def shell(words: list[str], tmp_path: Path) -> Iterator[SerialShell]:
    yield from shell_on(Terminal(words), tmp_path)


def shell_on(terminal: Terminal, folder: Path) -> Iterator[SerialShell]:
    console = Console("host", terminal, Transcript(folder / "host.log"), AlarmLog())
    shell = SerialShell(console)
    shell.settle()
    yield shell
    console.close()


def test_output_and_status_come_back(shell: SerialShell) -> None:
    result = shell.run("echo out; echo err >&2; exit 7")
    assert (result.status, result.output) == (7, "out\nerr\n")


def test_nothing_of_a_command_stays_for_the_next(shell: SerialShell) -> None:
    before = shell.run("pwd; echo $x; umask").output
    assert shell.run("cd /usr; x=1; umask 0123; pwd; echo $x; umask").output == "/usr\n1\n0123\n"
    assert shell.run("pwd; echo $x; umask").output == before


def test_a_signal_gives_128_and_its_number(shell: SerialShell) -> None:
    result = shell.run("echo last words; kill -9 $$")
    assert (result.status, result.output) == (137, "last words\n")


def test_output_without_end_of_line_is_kept_as_it_is(shell: SerialShell) -> None:
    assert shell.run("printf 'a\\n\\nb'").output == "a\n\nb"


def test_quotes_and_lines_arrive(shell: SerialShell) -> None:
    assert shell.run("cat <<'END'\n$x 'one' \"two\"\nEND").output == "$x 'one' \"two\"\n"


def test_a_command_longer_than_a_terminal_line_arrives(shell: SerialShell) -> None:
    text = "".join(f"'{n}' " for n in range(2000))
    digest = hashlib.sha256(text.encode()).hexdigest()
    quoted = text.replace("'", "'\\''")
    assert shell.run(f"printf %s '{quoted}' | sha256sum").output.split()[0] == digest


def test_much_output_arrives_whole(shell: SerialShell) -> None:
    assert shell.run("seq 20000").output.split() == [str(n) for n in range(1, 20001)]


def test_a_command_gets_no_input(shell: SerialShell) -> None:
    assert shell.run("cat; echo end").output == "end\n"


class Patient(Deadline):
    """Half a second, which a machine may take to begin a command, lasts until it has begun."""

    console: Console

    @classmethod
    def after(cls, timeout_s: float, clock: Clock = time.monotonic) -> Deadline:
        end_s = time.monotonic() + PATIENCE_S

        def begun() -> float:
            return float(b"1] begun\r\n" in cls.console.recent() or time.monotonic() > end_s)

        return Deadline.after(timeout_s, begun if timeout_s == 0.5 else clock)


def test_a_command_that_does_not_end_is_interrupted(
    shell: SerialShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Patient.console = shell.console
    monkeypatch.setattr(serial, "Deadline", Patient)
    monkeypatch.setattr(serial, "_INTERRUPT_WAIT_S", PATIENCE_S)
    said = r"'echo \[1\] begun; sleep 60' .* did not end within 0.5 s\n(.*\n)*  \| .*\[1\] begun\n"
    with pytest.raises(ShellTimeout, match=said):
        shell.run("echo [1] begun; sleep 60", timeout_s=0.5)
    assert shell.run("echo next").output == "next\n"


def test_a_command_that_must_succeed_says_what_it_said(shell: SerialShell) -> None:
    with pytest.raises(ShellCommandFailed, match=r"ended with status 3(?s:.*)\| no such thing"):
        shell.run("echo no such thing; exit 3", check=True)


def test_files_go_there_and_back(shell: SerialShell, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    shell.put(data, f"{tmp_path}/a file", 0o640)
    assert (tmp_path / "a file").stat().st_mode & 0o777 == 0o640
    assert shell.get(f"{tmp_path}/a file") == data
    assert [path.name for path in tmp_path.glob("a file*")] == ["a file"]


def test_a_file_that_is_not_there_is_said(shell: SerialShell, tmp_path: Path) -> None:
    with pytest.raises(ShellCommandFailed, match="nothing"):
        shell.get(f"{tmp_path}/nothing")


def test_a_source_that_cannot_be_read_is_said(shell: SerialShell, tmp_path: Path) -> None:
    with pytest.raises(ShellError, match=r"cannot read .*/none: No such file"):
        shell.put(tmp_path / "none", "/tmp/x")


def test_bytes_that_were_lost_on_the_line_are_noticed(shell: SerialShell, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"data")
    broken = "sha256sum() { command sha256sum /dev/null; }; "
    shell._run = lambda command, timeout_s: SerialShell._run(  # type: ignore[method-assign]
        shell, broken + command, timeout_s
    )
    with pytest.raises(ShellError, match=r"came over .* with other bytes than the host has"):
        shell.get(f"{tmp_path}/f")


def test_an_alarm_ends_the_wait(shell: SerialShell) -> None:
    with pytest.raises(AlarmRaised, match="kernel-panic"):
        shell.run("echo Kernel panic - not syncing: test; sleep 60", timeout_s=60)


RECORD = b"[    6.904789] hrtimer: interrupt took 15648276 ns\r\n"
DROPPED = b"** 2 printk messages dropped **\r\n"


class Crowded(Terminal):
    """A terminal that a kernel writes to as well: after each byte of a mark, and for ``@``."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.in_mark = False

    def recv(self, size_bytes: int, /) -> bytes:
        return b"".join(map(self.crowd, super().recv(size_bytes)))

    def crowd(self, byte: int) -> bytes:
        if byte in (1, 4):
            self.in_mark = byte == 1
        if byte == ord("@"):
            return DROPPED + RECORD + RECORD
        return bytes([byte]) + (RECORD if self.in_mark else b"")


@pytest.fixture
def crowded(words: list[str], tmp_path: Path) -> Iterator[SerialShell]:
    yield from shell_on(Crowded(words), tmp_path)


@pytest.mark.parametrize("text", ["@out\\nerr\\n", "out\\ner@r\\n", "out\\nerr@\\n@"])
def test_what_the_kernel_prints_is_no_output(crowded: SerialShell, text: str) -> None:
    result = crowded.run(f"printf '{text}'; exit 123")
    assert (result.status, result.output) == (123, "out\nerr\n")
    assert crowded.console.transcript.path.read_bytes().count(DROPPED + RECORD) >= text.count("@")


def test_a_command_that_shows_the_log_keeps_it(crowded: SerialShell) -> None:
    """Also a record that the kernel writes meanwhile, byte by byte the same."""
    log = RECORD.decode().replace("\r", "") * 2
    assert crowded.run(f"printf '%s@' '{log}'").output == log


def test_brackets_and_marks_of_a_command_arrive(shell: SerialShell) -> None:
    output = shell.run(r"printf '[x]\002[\001cca:1:e:0\004\001['").output
    assert output == "[x]\x02[\x01cca:1:e:0\x04\x01["


@pytest.mark.parametrize(
    "text", ["a\x7fb", "a\x03b\x1cc", "\x04", "a\r\nb\rc", "a\x15b\x16c\x17d", "\x13a\x11b\t\x1b[m"]
)
def test_characters_that_a_terminal_acts_on_arrive(shell: SerialShell, text: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    summed = shell.run(f"printf %s '{text}' | sha256sum", timeout_s=PATIENCE_S)
    assert summed.output.split()[0] == digest


@pytest.mark.parametrize("said", ["echo", "printf ''", r"printf 'x\n\303\251\n'"])
def test_file_that_came_as_something_else_is_noticed(
    shell: SerialShell, tmp_path: Path, said: str
) -> None:
    """Also as nothing at all, and with bytes that no base64 has."""
    (tmp_path / "f").write_bytes(b"data")
    shell._run = lambda command, timeout_s: SerialShell._run(  # type: ignore[method-assign]
        shell, said or command, timeout_s
    )
    with pytest.raises(ShellError, match=r"came over .* with other bytes than the host has"):
        shell.get(f"{tmp_path}/f")


def test_line_that_takes_no_interrupt_either_is_a_time_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads at the other end."""
    console, far = console_pair(tmp_path, "host")

    def full(_data: bytes | str) -> None:
        raise ConsoleTimeout("it did not take 5 more bytes")

    monkeypatch.setattr(console, "send", full)
    with pytest.raises(ShellTimeout, match="did not end within") as caught:
        SerialShell(console).run("true", timeout_s=0.2)
    assert "the line is lost" in caught.value.hint
    far.close()
    console.close()


def test_line_that_ends_is_a_shell_error(tmp_path: Path) -> None:
    console, far = console_pair(tmp_path, "host")
    far.close()
    with pytest.raises(ShellError, match=r"'true' on console 'host': console 'host' closed"):
        SerialShell(console).run("true")
    console.close()


def test_file_that_cannot_be_put_leaves_no_draft(shell: SerialShell, tmp_path: Path) -> None:
    with pytest.raises(ShellError, match=r"ended with status 1"):
        shell.put(b"x" * 1000, f"{tmp_path}/a file", mode=0o7777777)
    assert [path.name for path in tmp_path.glob("a file*")] == []


def test_file_of_which_a_part_came_does_not_appear(shell: SerialShell, tmp_path: Path) -> None:
    """A line that loses bytes loses them without a word."""
    lost = itertools.count()

    def lossy(command: str, timeout_s: float) -> CommandResult:
        if command.startswith("printf") and next(lost) == 1:
            command = ":"
        return SerialShell._run(shell, command, timeout_s)

    shell._run = lossy  # type: ignore[method-assign]
    with pytest.raises(ShellError, match="not all bytes came"):
        shell.put(b"x" * 2000, f"{tmp_path}/a file")
    assert [path.name for path in tmp_path.glob("a file*")] == []
