# SPDX-License-Identifier: BSD-3-Clause
"""Commands, files and processes of a host over one SSH connection."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from pathlib import Path

from harness.alarms import AlarmLog
from harness.console import Console
from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.shell.base import (
    CommandResult,
    Shell,
    ShellError,
    ShellTimeout,
    content_of,
    published,
    shown,
)
from harness.shell.keys import KeyPair
from harness.shell.pipe import BytePipe
from harness.shell.process import RemoteProcess
from harness.shell.ssh.connection import BEGIN_TIMEOUT_S, SshAddress, SshConnection, close_quietly
from harness.shell.ssh.job import Job
from harness.shell.ssh.stream import Stream
from harness.transcript import Transcript

_TRANSFER_TIMEOUT_S = 120.0
_STATUS_WAIT_S = 5.0


class SshShell(Shell):
    """Commands over one SSH connection, made at the first one and kept.

    ``check`` is called while something is waited for, and may raise what ends the wait. The
    time of a command begins when it has begun on the host.
    """

    def __init__(
        self,
        address: SshAddress,
        key: KeyPair,
        *,
        alarms: AlarmLog | None = None,
        check: Callable[[], None] | None = None,
        transcripts: Path | None = None,
        name: str = "ssh",
    ) -> None:
        self.name = name
        self.address = address
        self._alarms = alarms or AlarmLog()
        self._connection = SshConnection(address, key, check or self._alarms.check, name)
        self._transcripts = transcripts
        self._processes: list[RemoteProcess] = []

    def connect(self, timeout_s: float = BEGIN_TIMEOUT_S) -> None:
        """Connect and log in, unless that is so. Raises ``ShellError``."""
        self._connection.connect(Deadline.after(timeout_s))

    def _begin(self, command: str, input_from: str = "") -> Job:
        return Job.begin(self._connection, command, Deadline.after(BEGIN_TIMEOUT_S), input_from)

    def _run(self, command: str, timeout_s: float) -> CommandResult:
        job = self._begin(command, "</dev/null")
        until = Deadline.after(timeout_s)
        received = bytearray()
        try:
            while piece := job.receive(until):
                received += piece
            status = job.stream.status(Deadline.after(until.remaining_s + _STATUS_WAIT_S))
        except TimeoutError:
            received += job.stream.what_is_there()
            raise ShellTimeout(
                f"{command!r} on {self.name} did not end within {timeout_s:g} s\n"
                f"{shown(_text(received))}",
                hint=_killed(job),
            ) from None
        finally:
            job.close()
        if status is None:
            self._connection.check()
            raise ShellError(
                f"{command!r} on {self.name} ended without a status\n{shown(_text(received))}",
                hint="the connection was lost, or its shell was killed",
            )
        return CommandResult(command, status, _text(received), until.elapsed_s)

    def start(
        self,
        command: str,
        *,
        name: str = "process",
        transcript: Path | None = None,
        alarms: AlarmLog | None = None,
    ) -> RemoteProcess:
        """Start a command that runs on; what it writes goes to a transcript and to ``alarms``.

        Without ``transcript`` the file is made in the machine's folder, named after ``name``.
        ``alarms`` is the machine's own by default: a panic in what the command shows is one.
        """
        record = Transcript(transcript or self._new_transcript(name))
        try:
            job = self._begin(command)
        except BaseException:
            record.close()
            raise
        console = Console(name, job, record, alarms or self._alarms)
        process = RemoteProcess(command, console, job)
        self._processes.append(process)
        return process

    def pipe(self, command: str) -> BytePipe:
        """Start a command whose input and output are the caller's; it ends with the pipe."""
        return BytePipe(self._begin(command), command)

    def _new_transcript(self, name: str) -> Path:
        if self._transcripts is None:
            raise ShellError(
                f"no folder for the transcript of {name!r}", hint="start(transcript=…)"
            )
        number = 1
        while (path := self._transcripts / f"{name}.{number}.log").exists():
            number += 1
        return path

    def put(self, source: Path | bytes, remote: str, mode: int = 0o755) -> None:
        """Write a file on the host, in one step."""
        data = content_of(source)
        draft = shlex.quote(f"{remote}.cca-draft")
        steps = f"cat > {draft} && {published(draft, remote, len(data), mode)}"
        self._carry(f"put {len(data)} bytes at {remote}", steps, data)

    def get(self, remote: str) -> bytes:
        """Return the contents of a file on the host."""
        return self._carry(f"get {remote}", f"cat {shlex.quote(remote)}")

    def _carry(self, deed: str, command: str, data: bytes = b"") -> bytes:
        """Give a command its input, return its output; ``deed`` is what it does."""
        channel = self._connection.begin(command, Deadline.after(BEGIN_TIMEOUT_S))
        stream = Stream(channel, self._connection.check)
        until = Deadline.after(_TRANSFER_TIMEOUT_S)
        try:
            taken = stream.send_all(data, until)
            output, errors = stream.receive_all(until), stream.receive_errors(until)
            status = stream.status(until)
        except TimeoutError as problem:
            raise ShellError(f"cannot {deed} within {until.timeout_s:g} s") from problem
        finally:
            close_quietly(channel)
        if status != 0 or not taken:
            self._connection.check()
            lost = "" if errors or status else "the connection was lost"
            raise ShellError(f"cannot {deed}\n{shown(_text(errors) or lost)}")
        return output

    def close(self) -> None:
        """Close the connection; what was started is killed. Idempotent."""
        processes, self._processes = self._processes, []
        for process in processes:
            with contextlib.suppress(HarnessError):
                process.close()
        self._connection.close()

    def drop(self) -> None:
        """Forget the connection without a word to the host, which may be gone. Idempotent."""
        processes, self._processes = self._processes, []
        self._connection.close()
        for process in processes:
            process.console.close()


def _text(received: bytes | bytearray) -> str:
    return received.decode("utf-8", "backslashreplace")


def _killed(job: Job) -> str:
    """Kill a command that does not end; say whether that worked. Raises what ends a machine."""
    try:
        job.signal("KILL")
        job.stream.receive_all(Deadline.after(_STATUS_WAIT_S))  # nobody holds its output any more
    except ShellError as problem:
        return f"it could not be killed: {problem.message}"
    except TimeoutError:
        return "it was killed, but its output does not end"
    return "it was killed with its children"
