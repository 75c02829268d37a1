# SPDX-License-Identifier: BSD-3-Clause
"""A command on a host whose standard input and output belong to the caller, byte by byte."""

from __future__ import annotations

import contextlib
from typing import Protocol

from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.shell.base import ShellError

_BLOCK_BYTES = 1 << 16


class PipedJob(Protocol):
    """A command that runs in a channel."""

    def settimeout(self, timeout_s: float | None, /) -> None: ...
    def recv(self, size_bytes: int, /) -> bytes: ...
    def send(self, data: memoryview, flags: int, /) -> int: ...
    def signal(self, name: str) -> None: ...
    def close(self) -> None: ...


class BytePipe:
    """The two ends of a running command. Its errors come among its output."""

    def __init__(self, job: PipedJob, command: str) -> None:
        self._job = job
        self._command = command
        self._torn = False

    def receive(self, timeout_s: float) -> bytes:
        """Return what has come, waiting so long for anything; nothing if nothing came.

        Raises ``ShellError`` where the command has ended.
        """
        self._job.settimeout(max(timeout_s, 0.0))
        try:
            data = self._job.recv(_BLOCK_BYTES)
        except TimeoutError:
            return b""
        except OSError as problem:
            raise ShellError(f"{self._command!r} cannot be heard: {problem}") from problem
        if not data:
            raise ShellError(f"{self._command!r} has ended")
        return data

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of it. Raises ``ShellError`` where that does not work in time.

        A pipe that took but a part of it takes nothing more: what comes next would be read as
        the rest.
        """
        if self._torn:
            raise ShellError(f"{self._command!r} was sent half a message, and can take no other")
        until = Deadline.after(timeout_s)
        left = memoryview(data)
        try:
            while left:
                self._job.settimeout(until.remaining_s)
                left = left[self._job.send(left, 0) :]
        except OSError as problem:
            self._torn = len(left) < len(data)
            raise ShellError(
                f"{self._command!r} does not listen: {str(problem) or 'it took nothing in time'}"
            ) from problem

    def close(self) -> None:
        """End the command, if it has not ended. Idempotent."""
        with contextlib.suppress(HarnessError):
            self._job.signal("KILL")
        self._job.close()
