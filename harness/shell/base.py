# SPDX-License-Identifier: BSD-3-Clause
"""What every shell can do, and how it says that it could not."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.transcript import readable

DEFAULT_TIMEOUT_S = 30.0
_SHOWN_LINES = 20


class ShellError(HarnessError):
    """A host's shell did not do what it was asked; the message carries what was seen."""

    verdict = "stack"


class ShellTimeout(ShellError):
    """A command did not end before its deadline. It was interrupted."""


class ShellCommandFailed(ShellError):
    """A command that had to succeed ended with another status than 0."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """One command that has ended.

    ``output`` is what it wrote to standard output and standard error in the order of writing,
    lines ended by ``\\n``; ``status`` is as a shell has it: 128 + N for death by signal N.
    """

    command: str
    status: int
    output: str
    duration_s: float

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.status == 0


class Shell(ABC):
    """Runs commands on a host as root. One thread at a time may use it."""

    name: str

    def run(
        self, command: str, *, timeout_s: float = DEFAULT_TIMEOUT_S, check: bool = False
    ) -> CommandResult:
        """Run a command line of ``sh`` to its end; it gets no input.

        Each runs in a process of its own: no folder or variable stays for the next.
        Raises ``ShellTimeout`` after ``timeout_s``, ``ShellCommandFailed`` for a status other
        than 0 if ``check``, ``ShellError`` where the line to the host fails.
        """
        result = self._run(command, timeout_s)
        if check and not result.ok:
            raise ShellCommandFailed(
                f"{command!r} on {self.name} ended with status {result.status}"
                f" after {result.duration_s:.1f} s\n{shown(result.output)}"
            )
        return result

    @abstractmethod
    def _run(self, command: str, timeout_s: float) -> CommandResult:
        """Run a command to its end."""

    @abstractmethod
    def put(self, source: Path | bytes, remote: str, mode: int = 0o755) -> None:
        """Write a file on the host, in one step. Raises ``ShellError``."""

    @abstractmethod
    def get(self, remote: str) -> bytes:
        """Return the contents of a file on the host. Raises ``ShellError``."""


def shown(output: str) -> str:
    """Return the end of a command's output the way messages show it."""
    lines = readable(output.encode()).rstrip("\n").split("\n")
    text = "\n".join(f"  | {line}" for line in lines[-_SHOWN_LINES:])
    return text if output.strip() else "  | (no output)"


def published(draft: str, remote: str, size_bytes: int, mode: int) -> str:
    """Return the command that makes a whole draft (quoted) the file, and removes any other.

    The end of a line that breaks looks to the host like the end of the file.
    """
    whole = f"[ $(wc -c < {draft}) -eq {size_bytes} ] || ! echo 'not all bytes came' >&2"
    return (
        f"{{ {whole}; }} && chmod {mode:o} {draft} && mv {draft} {shlex.quote(remote)}"
        f" || {{ rm -f {draft}; exit 1; }}"
    )


def content_of(source: Path | bytes) -> bytes:
    """Return what is to be put. Raises ``ShellError`` for a file that cannot be read."""
    if isinstance(source, bytes):
        return source
    try:
        return source.read_bytes()
    except OSError as problem:
        raise ShellError(f"cannot read {source}: {problem.strerror}") from problem
