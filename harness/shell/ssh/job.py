# SPDX-License-Identifier: BSD-3-Clause
"""A command that runs in a channel, in a session and process group of its own on the host."""

from __future__ import annotations

import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from harness.deadline import Deadline
from harness.shell.base import DEFAULT_TIMEOUT_S, ShellError, shown
from harness.shell.ssh.connection import BROKEN, SshConnection, close_quietly
from harness.shell.ssh.stream import Stream

_BLOCK_BYTES = 32768
_LOST = 255
_PID = re.compile(rb"\x01cca:(\d+)\x04")

_SAY_PID = "exec 2>&1; printf '\\001cca:%s\\004' \\$\\$"
_WRAPPED = 'setsid sh -c "' + _SAY_PID + '; eval \\"\\$0\\"" {command} {input}; exit $?'
"""The command leads a session and process group of its own and says its number first."""


class Job:
    """A command that has begun. To a ``Console`` it is a transport."""

    def __init__(self, connection: SshConnection, channel: paramiko.Channel) -> None:
        """Internal: use ``begin``."""
        self.stream = Stream(channel, connection.check)
        self._connection = connection
        self._channel = channel
        self._pid = 0
        self._early = b""

    @classmethod
    def begin(
        cls, connection: SshConnection, command: str, until: Deadline, input_from: str = ""
    ) -> Job:
        """Start a command and wait until it runs. Raises ``ShellError``."""
        words = _WRAPPED.format(command=shlex.quote(command), input=input_from)
        job = cls(connection, connection.begin(words, until, repr(command)))
        try:
            job._await_number(command, until)
        except BaseException:
            job.close()
            raise
        return job

    def _await_number(self, command: str, until: Deadline) -> None:
        """Read up to the number of the command's process."""
        try:
            while (found := _PID.match(self._early)) is None:
                piece = self.stream.receive(until)
                if not piece:
                    self._connection.check()
                    raise self._not_started(command, self.stream.receive_errors(until))
                self._early += piece
        except TimeoutError as late:
            raise self._not_started(command, b"") from late
        self._pid = int(found[1])
        self._early = self._early[found.end() :]
        self._channel.settimeout(None)

    def _not_started(self, command: str, errors: bytes) -> ShellError:
        seen = (self._early + errors).decode("utf-8", "backslashreplace")
        return ShellError(f"{command!r} did not start on {self._connection.name}\n{shown(seen)}")

    def receive(self, until: Deadline) -> bytes:
        """Return the next bytes of the output, none at its end. Raises ``TimeoutError``."""
        early, self._early = self._early, b""
        return early or self.stream.receive(until)

    def ended(self) -> int | None:
        """The exit status, None while it runs; 255 where none was told: a lost connection."""
        if self._channel.exit_status_ready():
            status = self._channel.recv_exit_status()
            return status if status >= 0 else _LOST
        transport = self._channel.get_transport()
        return None if transport.is_active() and not self._channel.closed else _LOST

    def signal(self, name: str) -> None:
        """Send a signal to the process group, over a channel of its own."""
        if self.ended() is not None:
            return
        until = Deadline.after(DEFAULT_TIMEOUT_S)
        channel = self._connection.begin(f"kill -{name} -- -{self._pid}", until)
        try:
            Stream(channel, self._connection.check).status(until)
        except TimeoutError as problem:
            raise ShellError(f"cannot send {name} to {self._pid}: {problem}") from problem
        finally:
            close_quietly(channel)

    def settimeout(self, timeout_s: float | None, /) -> None:
        """Let ``recv`` and ``send`` block so long; None: for ever."""
        self._channel.settimeout(timeout_s)

    def recv(self, size_bytes: int, /) -> bytes:
        """Block for bytes."""
        early, self._early = self._early, b""
        with _os_errors():
            return early or self._channel.recv(size_bytes)

    def send(self, data: memoryview, flags: int, /) -> int:
        """Send some bytes; MSG_DONTWAIT is the only flag that means something."""
        with _os_errors():
            if flags & socket.MSG_DONTWAIT and not self._channel.send_ready():
                raise BlockingIOError
            return self._channel.send(bytes(data[:_BLOCK_BYTES]))

    def fileno(self) -> int:
        """Return a descriptor to wait on."""
        return self._channel.fileno()

    def shutdown(self, _how: int, /) -> None:
        """End the line. A channel's own ``shutdown`` does not wake who waits in ``recv``."""
        self.close()

    def close(self) -> None:
        """Close the channel. Idempotent."""
        close_quietly(self._channel)


@contextmanager
def _os_errors() -> Iterator[None]:
    """What a broken line raises is an ``OSError``, as it is of a socket."""
    try:
        yield
    except OSError:
        raise
    except BROKEN as problem:
        raise ConnectionError(str(problem) or "the connection was lost") from problem
