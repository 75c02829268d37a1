# SPDX-License-Identifier: BSD-3-Clause
"""A program that runs on a host while the test does something else."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Protocol

from harness.console import Console
from harness.deadline import Deadline
from harness.shell.base import ShellTimeout, shown

_POLL_S = 0.02


class ProcessLine(Protocol):
    """What carries a remote process; the channel of an SSH session is one."""

    def ended(self) -> int | None:
        """The exit status, 128 + N for death by signal N; None while it runs."""

    def signal(self, name: str) -> None:
        """Send a signal to the whole process group."""


class RemoteProcess:
    """One command on a host: its console, its status.

    ``console`` has what the command writes, in a transcript as the bytes arrive.
    """

    def __init__(self, command: str, console: Console, line: ProcessLine) -> None:
        self.command = command
        self.console = console
        self._line = line

    @property
    def transcript(self) -> Path:
        """The file with everything that the command wrote."""
        return self.console.transcript.path

    @property
    def output(self) -> str:
        """The last of what it wrote (at least 256 KiB), as text."""
        return self.console.recent().decode("utf-8", "backslashreplace")

    def poll(self) -> int | None:
        """The exit status, None while the command runs."""
        return self._line.ended()

    def wait(self, timeout_s: float) -> int:
        """Wait for the end and for the last byte; return the status. Raises ``ShellTimeout``.

        An alarm on any console of the host ends the wait with ``AlarmRaised``. Raises
        ``TranscriptError`` where the disk did not take all that it wrote.
        """
        until = Deadline.after(timeout_s)
        while (status := self._line.ended()) is None or not self.console.closed:
            self.console.alarms.check()
            if until.expired:
                raise ShellTimeout(
                    f"{self.command!r} did not end within {timeout_s:g} s\n{shown(self.output)}",
                    hint=f"transcript: {self.transcript}",
                )
            time.sleep(_POLL_S)
        self.console.transcript.check()
        return status

    def expect(self, pattern: str | bytes, timeout_s: float) -> re.Match[bytes]:
        """Wait for a pattern in what it writes. Raises as ``Console.expect`` does."""
        return self.console.expect(pattern, timeout_s)

    def send(self, text: str | bytes) -> None:
        """Write to its standard input."""
        self.console.send(text)

    def kill(self, signal: str = "KILL") -> None:
        """Send a signal to it and its children; no error if they have ended."""
        self._line.signal(signal)

    def close(self, timeout_s: float = 5.0) -> None:
        """Kill it if it runs, wait for its end, close the transcript. Idempotent.

        The transcript is closed also where the host takes no signal, which is raised.
        """
        try:
            if self._line.ended() is None:
                self.kill()
                until = Deadline.after(timeout_s)
                while self._line.ended() is None and not until.expired:
                    time.sleep(_POLL_S)
        finally:
            self.console.close()
