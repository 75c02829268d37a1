# SPDX-License-Identifier: BSD-3-Clause
"""A shell over SSH. The only user of paramiko.

Invariants:

* each command is a channel and a process group of its own, which is killed as a whole;
* the host is who it must be: its key was handed over on another way and is compared.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shlex
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from harness.alarms import AlarmLog
from harness.console import Console
from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.shell.base import (
    DEFAULT_TIMEOUT_S,
    CommandResult,
    Shell,
    ShellError,
    ShellTimeout,
    content_of,
    shown,
)
from harness.shell.keys import KeyPair
from harness.shell.pipe import BytePipe
from harness.shell.process import RemoteProcess
from harness.transcript import Transcript

# A host that is ended takes its connections along; paramiko would say so on stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_POLL_S = 0.02
_CHECK_S = 0.2
_CONNECT_TIMEOUT_S = 30.0
_TRANSFER_TIMEOUT_S = 120.0
_BLOCK_BYTES = 32768
_STATUS_WAIT_S = 5.0
_LOST = 255
_PID = re.compile(rb"\x01cca:(\d+)\x04")

_SAY_PID = "exec 2>&1; printf '\\001cca:%s\\004' \\$\\$"
_WRAPPED = 'setsid sh -c "' + _SAY_PID + '; eval \\"\\$0\\"" {command} {input}; exit $?'
"""The command leads a session and process group of its own and says its number first."""


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where a host's SSH server is, and the public key that it must show."""

    port: int
    host_key: bytes
    host: str = "127.0.0.1"
    user: str = "root"


class SshShell(Shell):
    """Commands over one SSH connection, made at the first one and kept.

    ``check`` is called while something is waited for, and may raise what ends the wait.
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
        self._key = key
        self._alarms = alarms or AlarmLog()
        self._check = check or self._alarms.check
        self._transcripts = transcripts
        self._transport: paramiko.Transport | None = None
        self._processes: list[RemoteProcess] = []

    def connect(self, timeout_s: float = _CONNECT_TIMEOUT_S) -> None:
        """Connect and log in, unless that is so. Raises ``ShellError``."""
        if self._transport is not None and self._transport.is_active():
            return
        until = Deadline.after(timeout_s)
        while True:
            try:
                self._transport = self._connected(until)
                return
            except (OSError, EOFError, paramiko.SSHException) as problem:
                self._check()
                if isinstance(problem, paramiko.AuthenticationException) or until.expired:
                    where = f"{self.address.user}@{self.address.host}:{self.address.port}"
                    raise ShellError(
                        f"no SSH connection to {where} after {until.elapsed_s:.1f} s: "
                        f"{type(problem).__name__}: {problem}",
                        hint="does the host run an SSH server, and is its network up?",
                    ) from problem
                time.sleep(_POLL_S)

    def _connected(self, until: Deadline) -> paramiko.Transport:
        address = self.address
        line = socket.create_connection((address.host, address.port), max(0.1, until.remaining_s))
        transport = paramiko.Transport(line)
        transport.banner_timeout = transport.auth_timeout = max(0.1, until.remaining_s)
        try:
            _prefer_cheap(transport)
            transport.start_client(timeout=max(0.1, until.remaining_s))
            if transport.get_remote_server_key().asbytes() != address.host_key:
                raise paramiko.AuthenticationException(
                    "the server shows another key than the host was given"
                )
            key = paramiko.Ed25519Key.from_private_key(io.StringIO(self._key.openssh))
            transport.auth_publickey(address.user, key)
        except BaseException:
            transport.close()
            raise
        transport.set_keepalive(0)
        return transport

    def _channel(self) -> paramiko.Channel:
        self.connect()
        assert self._transport is not None
        try:
            return self._transport.open_session(timeout=_CONNECT_TIMEOUT_S)
        except (OSError, EOFError, paramiko.SSHException) as problem:
            self._check()
            raise ShellError(f"no further channel of {self.name}: {problem}") from problem

    def _run(self, command: str, timeout_s: float) -> CommandResult:
        until = Deadline.after(timeout_s)
        job = _Job(self, self._channel(), command, input_from="</dev/null")
        received = bytearray()
        try:
            while (piece := self._next(job, until)) != b"":
                received += piece or b""
                if piece is None and until.expired:
                    seen = shown(job.text(received))
                    job.signal("KILL")
                    self._drain(job, Deadline.after(_STATUS_WAIT_S))
                    raise ShellTimeout(
                        f"{command!r} on {self.name} did not end within {timeout_s:g} s\n{seen}",
                        hint="it was killed with its children",
                    )
            status = job.status_by(until)
        finally:
            job.channel.close()
        return CommandResult(command, status, job.text(received), until.elapsed_s)

    def _drain(self, job: _Job, until: Deadline) -> None:
        """Wait until nobody holds the output any more: a signal is sent before it has worked."""
        while self._next(job, until) != b"" and not until.expired:
            pass

    def _next(self, job: _Job, until: Deadline) -> bytes | None:
        """Return what came in, nothing at the end, None where nothing came for a while."""
        job.channel.settimeout(min(_CHECK_S, max(_POLL_S, until.remaining_s)))
        try:
            return job.channel.recv(_BLOCK_BYTES)
        except TimeoutError:
            self._check()
            return None

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
        path = transcript or self._new_transcript(name)
        job = _Job(self, self._channel(), command)
        job.await_pid(Deadline.after(DEFAULT_TIMEOUT_S))
        console = Console(name, job, Transcript(path), alarms or self._alarms)
        process = RemoteProcess(command, console, job)
        self._processes.append(process)
        return process

    def pipe(self, command: str) -> BytePipe:
        """Start a command whose input and output are the caller's; it ends with the pipe."""
        job = _Job(self, self._channel(), command)
        job.await_pid(Deadline.after(DEFAULT_TIMEOUT_S))
        return BytePipe(job, command)

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
        command = f"cat > {draft} && chmod {mode:o} {draft} && mv {draft} {shlex.quote(remote)}"
        channel = self._channel()
        until = Deadline.after(_TRANSFER_TIMEOUT_S)
        try:
            channel.settimeout(until.remaining_s)
            channel.exec_command(command)
            channel.sendall(data)
            channel.shutdown_write()
            errors = channel.makefile_stderr("rb").read()
            status = channel.recv_exit_status()
        except (OSError, EOFError, paramiko.SSHException) as problem:
            self._check()
            raise ShellError(f"cannot put {len(data)} bytes at {remote}: {problem}") from problem
        finally:
            channel.close()
        if status != 0:
            said = errors.decode("utf-8", "backslashreplace")
            raise ShellError(f"cannot put {len(data)} bytes at {remote}\n{shown(said)}")

    def get(self, remote: str) -> bytes:
        """Return the contents of a file on the host."""
        channel = self._channel()
        try:
            channel.settimeout(_TRANSFER_TIMEOUT_S)
            channel.exec_command(f"cat {shlex.quote(remote)}")
            data = channel.makefile("rb").read()
            errors = channel.makefile_stderr("rb").read()
            status = channel.recv_exit_status()
        except (OSError, EOFError, paramiko.SSHException) as problem:
            self._check()
            raise ShellError(f"cannot get {remote}: {problem}") from problem
        finally:
            channel.close()
        if status != 0:
            raise ShellError(
                f"cannot get {remote}\n{shown(errors.decode('utf-8', 'backslashreplace'))}"
            )
        return bytes(data)

    def close(self) -> None:
        """Close the connection; what was started is killed. Idempotent."""
        processes, self._processes = self._processes, []
        for process in processes:
            with contextlib.suppress(HarnessError):
                process.close()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def drop(self) -> None:
        """Forget the connection without a word to the host, which may be gone. Idempotent."""
        processes, self._processes = self._processes, []
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        for process in processes:
            process.console.close()


class _Job:
    """A command in a channel; to a ``Console`` it is a transport."""

    def __init__(
        self, shell: SshShell, channel: paramiko.Channel, command: str, input_from: str = ""
    ) -> None:
        self.channel = channel
        self._shell = shell
        self._pid = 0
        self._early = b""
        try:
            channel.exec_command(_WRAPPED.format(command=shlex.quote(command), input=input_from))
        except (OSError, EOFError, paramiko.SSHException) as problem:
            raise ShellError(f"cannot start {command!r} on {shell.name}: {problem}") from problem

    def text(self, received: bytes | bytearray) -> str:
        """Return what the command wrote, without the number of its process."""
        found = _PID.match(received)
        if found is not None:
            self._pid = int(found[1])
            received = received[found.end() :]
        return bytes(received).decode("utf-8", "backslashreplace")

    def await_pid(self, until: Deadline) -> None:
        """Read up to the number of the process."""
        received = b""
        while (found := _PID.match(received)) is None:
            self.channel.settimeout(max(_POLL_S, until.remaining_s))
            try:
                piece = self.channel.recv(_BLOCK_BYTES)
            except TimeoutError:
                piece = b""
            if not piece:
                raise ShellError(f"a command of {self._shell.name} did not start: {received!r}")
            received += piece
        self._pid = int(found[1])
        self._early = received[found.end() :]
        self.channel.settimeout(None)

    def ended(self) -> int | None:
        """The exit status, None while it runs; 255 where the connection was lost."""
        if self.channel.exit_status_ready():
            status = self.channel.recv_exit_status()
            return status if status >= 0 else _LOST
        transport = self.channel.get_transport()
        return None if transport.is_active() and not self.channel.closed else _LOST

    def status_by(self, until: Deadline) -> int:
        """Return the status of a command whose output has ended."""
        grace = Deadline.after(until.remaining_s + _STATUS_WAIT_S)
        while (status := self.ended()) is None:
            if grace.expired:
                raise ShellTimeout(f"{self._shell.name} told no exit status")
            self.channel.status_event.wait(_POLL_S)
        return status

    def signal(self, name: str) -> None:
        """Send a signal to the process group, over a channel of its own."""
        if self._pid and self.ended() is None:
            channel = self._shell._channel()  # noqa: SLF001 - one piece with the shell
            try:
                channel.settimeout(DEFAULT_TIMEOUT_S)
                channel.exec_command(f"kill -{name} -- -{self._pid}")
                channel.recv_exit_status()
            except (OSError, EOFError, paramiko.SSHException) as problem:
                raise ShellError(f"cannot send {name} to {self._pid}: {problem}") from problem
            finally:
                channel.close()

    def recv(self, size_bytes: int, /) -> bytes:
        """Block for bytes."""
        early, self._early = self._early, b""
        return early or self.channel.recv(size_bytes)

    def send(self, data: memoryview, _flags: int, /) -> int:
        """Send some bytes."""
        return self.channel.send(bytes(data))

    def fileno(self) -> int:
        """Return a descriptor to wait on."""
        return self.channel.fileno()

    def shutdown(self, how: int, /) -> None:
        """End the line."""
        self.channel.shutdown(how)

    def close(self) -> None:
        """Close the channel."""
        self.channel.close()


def _prefer_cheap(transport: paramiko.Transport) -> None:
    """An emulated CPU does the other half: take what costs it least."""
    options = transport.get_security_options()
    options.kex = _first(options.kex, "curve25519-sha256@libssh.org")
    options.ciphers = _first(options.ciphers, "aes128-ctr")
    options.digests = _first(options.digests, "hmac-sha2-256")


def _first(offered: Sequence[str], wanted: str) -> tuple[str, ...]:
    return (
        (wanted, *(name for name in offered if name != wanted))
        if wanted in offered
        else tuple(offered)
    )
