# SPDX-License-Identifier: BSD-3-Clause
"""A shell on a console: commands between marks that neither an echo nor a prompt can match.

Invariants:

* a mark is sent as the text of a ``printf`` and comes back as the bytes that it prints, with
  a number of its own: the echo of a command is no answer, nor is that of an earlier one;
* after a command that did not end in time the line is interrupted, so that the next works;
* what the kernel prints while a command runs is no part of its output, and may tear marks
  apart: see ``harness.shell.records``.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import secrets
import shlex
import time
from pathlib import Path

from harness.console import Console
from harness.deadline import Deadline
from harness.errors import ConsoleClosed, ConsoleTimeout
from harness.shell.base import (
    DEFAULT_TIMEOUT_S,
    CommandResult,
    Shell,
    ShellError,
    ShellTimeout,
    content_of,
    published,
    shown,
)
from harness.shell.records import DISGUISE, undisguised, without_records

_PIECE = 700
"""A terminal takes lines of up to 4095 bytes; a character may have four, a quote becomes five."""

_CONTROL = re.compile(r"([\x01-\x09\x0b-\x1f\x7f]+)")
"""What a terminal, or a shell that edits lines, acts on instead of passing it on."""

_FRAME = rb"\x01([^\x01\x04]*)\x04"
"""Any mark, whatever the kernel wrote into it; a command may show others."""

_INTERRUPTS = (b"\x03", b"\x1c")
"""What a terminal turns into SIGINT and SIGQUIT."""

_INTERRUPT_WAIT_S = 5.0
_TRANSFER_TIMEOUT_S = 120.0


class SerialShell(Shell):
    """A POSIX shell, as root, at the other end of a console."""

    def __init__(self, console: Console, name: str = "") -> None:
        self.console = console
        self.name = name or f"console {console.name!r}"
        self._token = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def _run(self, command: str, timeout_s: float) -> CommandResult:
        until = Deadline.after(timeout_s)
        try:
            pieces = _pieces(command)
            last = _typed(pieces.pop())
            for number, piece in enumerate(pieces):
                self._exchange(f"cca={'$cca' if number else ''}{_typed(piece)}", until)
            words = f'"exec 2>&1; $cca"{last}' if pieces else f'"exec 2>&1; "{last}'
            line = f"{{ sh -c {words} </dev/null; }} 2>/dev/null"
            return self._exchange(line, until, command=command)
        except ConsoleTimeout:
            seen = self.console.tail().replace("\x02", "[")
            freed = self._interrupt()
            raise ShellTimeout(
                f"{command!r} on {self.name} did not end within {timeout_s:g} s\n{shown(seen)}",
                hint=f"{freed}; transcript: {self.console.transcript.path}",
            ) from None
        except ConsoleClosed as problem:
            raise ShellError(
                f"{command!r} on {self.name}: {problem.message}", hint=problem.hint
            ) from problem

    def _exchange(self, line: str, until: Deadline, *, command: str = "") -> CommandResult:
        """Have one line executed; its status is that of the line.

        A ``command`` writes to a pipe, as it does over SSH: programs look at that. The
        filter at its other end tells its output from the kernel's.
        """
        number = f"{self._token}:{next(self._numbers)}"
        begin = f"printf '\\001cca:%s\\004' {number}:b"
        end = f"printf '\\001cca:%s:%s\\004' {number}:e $?"
        whole = f"{{ {line}; {end}; }} | {DISGUISE}" if command else f"{line}; {end}"
        self.console.send(f"{begin}; {whole}\n")
        self._await_mark(f"{number}:b", until)
        started_s = time.monotonic()
        output, found = self._await_mark(rf"{number}:e:(\d+)", until)
        data = undisguised(without_records(output)).replace(b"\r\n", b"\n")
        text = data.decode("utf-8", "backslashreplace")
        return CommandResult(command, int(found[1]), text, time.monotonic() - started_s)

    def _await_mark(self, pattern: str, until: Deadline) -> tuple[bytes, re.Match[bytes]]:
        """Return what came in before a mark, and the mark; records in its middle are no matter."""
        before = bytearray()
        while True:
            output, frame = self.console.read_until(_FRAME, until)
            before += output
            found = re.fullmatch(f"cca:{pattern}".encode(), without_records(frame[1]))
            if found is not None:
                return bytes(before), found
            before += frame[0]

    def _interrupt(self) -> str:
        """Free the line of a command that does not end; say whether that worked."""
        for key in _INTERRUPTS:
            try:
                self.console.send(key)
                self._exchange(":", Deadline.after(_INTERRUPT_WAIT_S))
            except ConsoleTimeout:
                continue
            return "the command was interrupted"
        return "the command could not be interrupted, the line is lost"

    def settle(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until the shell answers. Raises ``ShellTimeout``."""
        self.run(":", timeout_s=timeout_s)

    def put(self, source: Path | bytes, remote: str, mode: int = 0o755) -> None:
        """Write a file, as text over the line: for some hundred kilobytes at most."""
        data = content_of(source)
        draft = shlex.quote(f"{remote}.cca-draft")
        text = base64.b64encode(data).decode()
        self.run(f": > {draft}", check=True)
        for at in range(0, len(text), _PIECE):
            self.run(f"printf %s {text[at : at + _PIECE]} >> {draft}", check=True)
        self.run(
            f"base64 -d {draft} > {draft}.bin; rm -f {draft};"
            f" {published(f'{draft}.bin', remote, len(data), mode)}",
            timeout_s=_TRANSFER_TIMEOUT_S,
            check=True,
        )

    def get(self, remote: str) -> bytes:
        """Return a file, as text over the line. Raises ``ShellError`` where bytes were lost."""
        name = shlex.quote(remote)
        command = f"sha256sum < {name} && base64 {name}"
        answer = self.run(command, timeout_s=_TRANSFER_TIMEOUT_S, check=True).output
        digest, _, text = answer.partition("\n")
        try:
            data = base64.b64decode(text)
        except ValueError:
            data = b""
        if [hashlib.sha256(data).hexdigest()] != digest.split()[:1]:
            raise ShellError(
                f"{remote} came over {self.name} with other bytes than the host has",
                hint="something else writes on that line; SSH has one of its own",
            )
        return data


def _pieces(command: str) -> list[str]:
    """Split a command into what fits on a line each; in octal a character is eighteen bytes."""
    size = _PIECE // 4 if _CONTROL.search(command) else _PIECE
    return [command[at : at + size] for at in range(0, len(command), size)] or [":"]


def _typed(piece: str) -> str:
    """Return the words that are typed for a piece of a command; control characters in octal."""
    words = _CONTROL.split(piece)  # every other one is a match
    return "".join(_octal(word) if n % 2 else shlex.quote(word) for n, word in enumerate(words))


def _octal(text: str) -> str:
    escapes = "".join(f"\\{ord(char):03o}" for char in text)
    return f"\"$(printf '{escapes}')\""
