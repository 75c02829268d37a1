# SPDX-License-Identifier: BSD-3-Clause
"""A shell over SSH against a server of the test's own: what comes back, how each thing fails."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from harness.errors import ConsoleTimeout, MachineDied
from harness.shell import ShellError, ShellTimeout
from harness.shell.keys import KeyPair
from harness.shell.ssh import SshAddress, SshShell
from harness.shell.ssh.stream import Stream
from harness.tests.ssh_server import SshServer
from harness.tests.waiting import PATIENCE_S, until
from harness.transcript import TranscriptError


@pytest.fixture
def server() -> Iterator[SshServer]:
    server = SshServer()
    yield server
    server.close()


@pytest.fixture
def shell(server: SshServer, tmp_path: Path) -> Iterator[SshShell]:
    shell = SshShell(server.address, server.client, transcripts=tmp_path)
    shell.connect()
    yield shell
    server.let_go.set()
    shell.drop()


def test_output_status_quotes_and_lines(shell: SshShell) -> None:
    result = shell.run("echo \"o'ut\"; echo err >&2\ncat; printf '\\377'; exit 7")
    assert (result.status, result.output) == (7, "o'ut\nerr\n\\xff")
    assert shell.run("seq 20000").output.split() == [str(n) for n in range(1, 20001)]
    assert shell.run("kill -9 $$").status == 137


def test_files_go_there_and_back(shell: SshShell, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    shell.put(data, f"{tmp_path}/a file", 0o640)
    assert (tmp_path / "a file").stat().st_mode & 0o777 == 0o640
    assert shell.get(f"{tmp_path}/a file") == data
    with pytest.raises(ShellError, match=r"cannot get /nothing\n.*No such file"):
        shell.get("/nothing")


def test_command_that_writes_without_end_ends_at_its_deadline(
    shell: SshShell, server: SshServer
) -> None:
    for limit_s in (0.5, 5, PATIENCE_S):
        with pytest.raises(ShellTimeout, match="'yes' on ssh did not end within") as caught:
            shell.run("yes", timeout_s=limit_s)
        if "  | y\n" in caught.value.message:  # of a slow machine nothing has come by then
            break
    assert re.search(rf" within {limit_s:g} s\n(  \| y\n)+", str(caught.value))
    until(lambda: not server.running(), "nothing runs on the host")


def test_host_that_answers_no_request_ends_the_wait(
    shell: SshShell, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.shell.ssh.shell.BEGIN_TIMEOUT_S", 0.5)
    server.hangs = True
    with pytest.raises(ShellError, match=r"'true' .* within 0.5 s") as caught:
        shell.run("true")
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_command_that_does_not_begin_is_told(
    shell: SshShell, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.replace = lambda _: "echo no such program >&2; exit 127"
    with pytest.raises(ShellError, match=r"'true' did not start on ssh\n  \| no such program"):
        shell.run("true")
    monkeypatch.setattr("harness.shell.ssh.shell.BEGIN_TIMEOUT_S", 0.5)
    server.replace = lambda _: "sleep 60"
    with pytest.raises(ShellError, match=r"'true' did not start on ssh") as late:
        shell.run("true")
    assert isinstance(late.value.__cause__, TimeoutError)


@pytest.mark.parametrize("act", ["run", "start", "put", "get"])
def test_dead_machine_ends_each_wait(server: SshServer, tmp_path: Path, act: str) -> None:
    """The first cause is told, whatever the host was asked for."""
    dead: list[Exception] = []

    def check() -> None:
        for problem in dead:
            raise problem

    shell = SshShell(server.address, server.client, check=check, transcripts=tmp_path)
    shell.connect()
    server.hangs = True
    dead.append(MachineDied("QEMU is gone"))
    acts: dict[str, Callable[[], object]] = {
        "run": lambda: shell.run("true"),
        "start": lambda: shell.start("true"),
        "put": lambda: shell.put(b"x", f"{tmp_path}/x"),
        "get": lambda: shell.get("/etc/hostname"),
    }
    with pytest.raises(MachineDied, match="QEMU is gone"):
        acts[act]()
    server.let_go.set()
    shell.drop()


def test_lost_connection_is_no_status(shell: SshShell, server: SshServer) -> None:
    def break_them() -> None:
        until(lambda: b"begun" in server.sent, "it has begun")
        server.break_lines()

    threading.Thread(target=break_them).start()
    with pytest.raises(ShellError, match=r"'echo begun; sleep 60' (?s:.*)  \| begun"):
        shell.run("echo begun; sleep 60")


def test_put_says_what_the_host_said(shell: SshShell, server: SshServer) -> None:
    """Also of a command that ends before it has taken all bytes: the reason, not the line."""
    server.replace = lambda command: f"head -c 10 >/dev/full; exit 1; {command}"
    with pytest.raises(ShellError, match=r"cannot put 8000000 bytes at /tmp/x\n.*No space left"):
        shell.put(bytes(8_000_000), "/tmp/x")


def test_timed_out_command_that_cannot_be_killed_is_still_a_time_out(
    shell: SshShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = paramiko.Transport.open_session
    rooms = iter([True])

    def once(*args: object, **named: object) -> object:
        if next(rooms, False):
            return opened(*args, **named)  # type: ignore[arg-type]
        raise paramiko.SSHException("no room")

    monkeypatch.setattr(paramiko.Transport, "open_session", once)
    with pytest.raises(ShellTimeout, match=r"did not end within 0.3 s") as caught:
        shell.run("sleep 5", timeout_s=0.3)
    assert "no room" in caught.value.hint


def test_process_that_does_not_read_is_a_time_out(shell: SshShell) -> None:
    process = shell.start("echo here; sleep 60")
    process.expect("here", PATIENCE_S)
    process.console.send_timeout_s = 0.3
    with pytest.raises(ConsoleTimeout, match="did not take"):
        process.send(b"x" * 20_000_000)
    process.close()


def test_process_is_not_left_behind_without_a_transcript(
    shell: SshShell, server: SshServer, tmp_path: Path
) -> None:
    with pytest.raises(TranscriptError, match="No such file"):
        shell.start("sleep 60", transcript=tmp_path / "none" / "x.log")
    until(lambda: not server.running(), "nothing runs on the host")


def test_full_disk_ends_the_wait_for_a_process(shell: SshShell) -> None:
    process = shell.start("echo here", transcript=Path("/dev/full"))
    with pytest.raises(TranscriptError, match="No space left"):
        process.wait(PATIENCE_S)
    process.close()


def test_process_that_cannot_be_killed_closes_its_transcript(
    shell: SshShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = shell.start("sleep 60")
    monkeypatch.setattr(process._line, "signal", _refused)
    with pytest.raises(ShellError, match="no signal"):
        process.close()
    assert process.console.closed
    assert process.console.transcript._fds == []


def _refused(_name: str) -> None:
    raise ShellError("no signal")


def test_broken_line_is_a_shell_error_at_every_step(
    shell: SshShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paramiko has three kinds of errors for it; one of them is no OSError."""
    pipe = shell.pipe("cat")
    process = shell.start("cat")

    def broken(*_: object, **__: object) -> None:
        raise EOFError

    with monkeypatch.context() as broken_line:
        broken_line.setattr(paramiko.Transport, "_send_user_message", broken)
        with pytest.raises(ShellError, match="does not listen"):
            pipe.send(b"x", 5)
        with pytest.raises(ShellError):
            shell.run("true")
        process.console.close()
        pipe.close()


def test_pipe_carries_bytes_both_ways_and_ends_its_command(
    shell: SshShell, server: SshServer
) -> None:
    pipe = shell.pipe("cat")
    data = os.urandom(100_000)
    pipe.send(data, PATIENCE_S)
    received = b""
    while len(received) < len(data):
        received += pipe.receive(PATIENCE_S)
    assert received == data
    pipe.close()
    until(lambda: not server.running(), "nothing runs on the host")


def test_pipe_that_took_half_a_message_takes_no_other(shell: SshShell) -> None:
    pipe = shell.pipe("sleep 60")
    with pytest.raises(ShellError, match="does not listen"):
        pipe.send(bytes(20_000_000), 0.3)
    with pytest.raises(ShellError, match="half"):
        pipe.send(b"x", 0.3)
    pipe.close()


def test_strangers_are_refused_with_what_to_look_at(server: SshServer) -> None:
    with pytest.raises(ShellError, match="Authentication") as client:
        SshShell(server.address, KeyPair.generate()).run("true")
    assert "does not know the key" in client.value.hint
    other = SshAddress(server.address.port, KeyPair.generate().public_blob)
    with pytest.raises(ShellError, match="another key than the host was given") as host:
        SshShell(other, server.client).run("true")
    assert "another host" in host.value.hint


def test_lost_connection_is_made_again(shell: SshShell, server: SshServer) -> None:
    assert shell.run("echo one").output == "one\n"
    server.break_lines()
    transport = shell._connection._transport
    assert transport is not None
    until(lambda: not transport.is_active(), "the loss is known")
    assert shell.run("echo two").output == "two\n"


def test_end_of_a_line_wakes_its_reader(shell: SshShell) -> None:
    job = shell._begin("sleep 60")
    reader = threading.Thread(target=job.recv, args=(10,), daemon=True)
    reader.start()
    job.shutdown(2)
    reader.join(PATIENCE_S)
    assert not reader.is_alive()


def test_file_of_which_a_part_came_does_not_appear(
    shell: SshShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host sees the end of its input, as it does when the line or the harness is gone."""
    send_all = Stream.send_all
    monkeypatch.setattr(
        Stream, "send_all", lambda self, data, until: send_all(self, data[: len(data) // 2], until)
    )
    with pytest.raises(ShellError, match=r"cannot put 1000 bytes .*\n  \| not all bytes came"):
        shell.put(bytes(1000), f"{tmp_path}/a file")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_file_that_cannot_be_put_leaves_no_draft(shell: SshShell, tmp_path: Path) -> None:
    with pytest.raises(ShellError, match=r"cannot put 1 bytes .*\n.*mode"):
        shell.put(b"x", f"{tmp_path}/a file", mode=0o7777777)
    assert [path.name for path in tmp_path.iterdir()] == []
