# SPDX-License-Identifier: BSD-3-Clause
"""The bytes of one channel, with waits that ask ``check`` meanwhile and end at a deadline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import paramiko

from harness.deadline import Deadline
from harness.shell.ssh.connection import BROKEN, CHECK_S

_T = TypeVar("_T")
_BLOCK_BYTES = 32768
_POLL_S = 0.02


class Stream:
    """What a command says and is told, and its status.

    Every wait raises ``TimeoutError`` past its deadline, and what ``check`` does.
    """

    def __init__(self, channel: paramiko.Channel, check: Callable[[], None]) -> None:
        self.channel = channel
        self._check = check

    def receive(self, until: Deadline) -> bytes:
        """Return the next bytes of its output, none at its end."""
        return self._awaited(partial(self.channel.recv, _BLOCK_BYTES), until)

    def receive_all(self, until: Deadline) -> bytes:
        """Return its output up to the end."""
        return b"".join(iter(partial(self.receive, until), b""))

    def receive_errors(self, until: Deadline) -> bytes:
        """Return all that it writes to standard error."""
        read = partial(self.channel.recv_stderr, _BLOCK_BYTES)
        return b"".join(iter(partial(self._awaited, read, until), b""))

    def what_is_there(self) -> bytes:
        """Return output that has come in already."""
        return self.channel.recv(_BLOCK_BYTES) if self.channel.recv_ready() else b""

    def send_all(self, data: bytes, until: Deadline) -> bool:
        """Send everything, then end the input; False where it is not taken to the end."""
        left = memoryview(data)
        try:
            while left:
                send = partial(self.channel.send, bytes(left[:_BLOCK_BYTES]))
                left = left[self._awaited(send, until) :]
        except TimeoutError:
            raise
        except BROKEN:  # the command has ended: its status and its errors say why
            return False
        with contextlib.suppress(*BROKEN):
            self.channel.shutdown_write()
        return True

    def status(self, until: Deadline) -> int | None:
        """Return the exit status; None where the channel ends without one."""
        while not self.channel.exit_status_ready():
            self._check()
            if until.expired:
                raise TimeoutError("no exit status")
            self.channel.status_event.wait(_POLL_S)
        status = self.channel.recv_exit_status()
        return status if status >= 0 else None

    def _awaited(self, step: Callable[[], _T], until: Deadline) -> _T:
        while not until.expired:
            self.channel.settimeout(min(CHECK_S, max(_POLL_S, until.remaining_s)))
            try:
                return step()
            except TimeoutError:
                self._check()
        raise TimeoutError("deadline passed")
