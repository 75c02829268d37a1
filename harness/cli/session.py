# SPDX-License-Identifier: BSD-3-Clause
"""The two halves of ``cca boot``: what is shown of the consoles, and who types."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO, Protocol

from harness.errors import ConsoleTimeout
from harness.link.protocol import READY_LINE

if TYPE_CHECKING:
    from harness.console import Console

ESCAPE = b"\x1d"
"""Ctrl-]: ends the session."""
PROMPT = b"monitor> "
WELCOME = "press Enter for the monitor's prompt, `help` lists its commands, Ctrl-] ends"

_TALKING = ("ns", "host")
_READY_QUIET_S = 5.0
_BOOT_QUIET_S = 30.0
_ANSWER_QUIET_S = 1.0
_ANSWER_TIMEOUT_S = 30.0
_LINES_AHEAD = 1000


class Screen:
    """Shows the normal world's console as it is, the others by lines under their names."""

    def __init__(self, consoles: Mapping[str, Console], out: BinaryIO) -> None:
        self._views = {name: _Unread(console) for name, console in consoles.items()}
        self._out = out
        self._partial = b""
        """The unfinished line of the normal world's console, such as a prompt."""

    def update(self) -> bytes:
        """Show what is new; return what the normal world's console has gained."""
        heard = b""
        for name, view in self._views.items():
            if name in _TALKING:
                heard = view.take()
                self._write(heard)
                self._partial = (self._partial + heard).rpartition(b"\n")[2]
            else:
                self._interrupt([_named(name, line) for line in view.take_lines()])
        return heard

    def note(self, text: str) -> None:
        """Show a line of our own."""
        self._interrupt([f"cca: {text}\n".encode()])

    def finish(self) -> None:
        """Show the rest, complete lines or not, and go to a new line."""
        self.update()
        rest = {name: view.rest for name, view in self._views.items() if name not in _TALKING}
        self._interrupt([_named(name, line) for name, line in rest.items() if line])
        self._write(b"\n" if self._partial else b"")
        self._partial = b""

    def _interrupt(self, lines: list[bytes]) -> None:
        """Show whole lines; an unfinished one before them is shown again behind them."""
        if lines:
            start = b"\n" if self._partial else b""
            self._write(start + b"".join(lines) + self._partial)

    def _write(self, data: bytes) -> None:
        if data:
            self._out.write(data)
            self._out.flush()


class _Unread:
    """What a console's transcript has gained since the last look."""

    def __init__(self, console: Console) -> None:
        self._transcript = console.transcript
        self._offset = 0
        self.rest = b""

    def take(self) -> bytes:
        self._transcript.check()
        with self._transcript.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        return data

    def take_lines(self) -> list[bytes]:
        """Take complete lines; ``rest`` is what has no end yet."""
        *lines, self.rest = (self.rest + self.take()).split(b"\n")
        return lines


def _named(name: str, line: bytes) -> bytes:
    return b"[%s] %s\n" % (name.encode(), line.rstrip(b"\r"))


class Typist(Protocol):
    """Where input comes from and when it goes to the console."""

    ended: str
    """Why the session is to end; empty while it is not."""

    @property
    def wants_input(self) -> bool:
        """Whether ``take`` may be called now."""

    def take(self, data: bytes) -> None:
        """Accept input; empty means that there is no more."""

    def hear(self, data: bytes) -> None:
        """Learn what the console has shown (perhaps nothing), and go on."""


class Keyboard:
    """A person at a terminal: every key goes out at once."""

    wants_input = True

    def __init__(self, console: Console, note: Callable[[str], None]) -> None:
        self.ended = ""
        self._console = console
        self._note = note
        self._boot: bytes | None = b""

    def take(self, data: bytes) -> None:
        """Send keys up to Ctrl-]."""
        keys, escape, _ = data.partition(ESCAPE)
        if keys:
            self._console.send(keys)
        if escape:
            self.ended = "ended by Ctrl-]"
        elif not data:
            self.ended = "the terminal is gone"

    def hear(self, data: bytes) -> None:
        """Say how to begin once the monitor is there."""
        if self._boot is None:
            return
        self._boot = (self._boot + data)[-4096:]
        if READY_LINE + b"\n" in self._boot:
            self._boot = None
            self._note(WELCOME)


class Script:
    """Lines from a pipe or file: each goes out when the one before is answered.

    The first waits for the monitor's ready line. An answer ends with the monitor's prompt.
    On a stack without the monitor, silence takes the place of both; on one that ``has_monitor``
    it must come.
    """

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        *,
        has_monitor: bool = False,
    ) -> None:
        self.ended = ""
        self._has_monitor = has_monitor
        self._console = console
        self._clock = clock
        self._lines: deque[bytes] = deque()
        self._rest: bytes | None = b""
        """Input after the last end of line; None when there is no more input."""
        self._heard = b""
        self._changed_s = clock()
        self._booting = True
        self._monitor = False
        self._asked: bytes | None = None

    @property
    def wants_input(self) -> bool:
        """Whether there is more and not too much is waiting already."""
        return self._rest is not None and len(self._lines) < _LINES_AHEAD

    def take(self, data: bytes) -> None:
        """Queue complete lines; at the end of input, or at Ctrl-], also an incomplete one."""
        assert self._rest is not None
        text, escape, _ = data.partition(ESCAPE)
        *lines, rest = (self._rest + text).split(b"\n")
        over = bool(escape) or not data
        self._lines.extend(lines + ([rest] if over and rest else []))
        self._rest = None if over else rest

    def hear(self, data: bytes) -> None:
        """Send the next line if it is time.

        Raises ``ConsoleTimeout`` if no prompt returns, or the monitor does not come.
        """
        if data:
            self._heard += data
            self._changed_s = self._clock()
        if self._booting:
            self._monitor = READY_LINE + b"\n" in self._heard
            self._booting = not self._monitor and not self._is_silent()
        elif self._asked is not None:
            self._await_answer(self._asked)
        if self._booting or self._asked is not None:
            return
        if self._lines:
            self._send(self._lines.popleft())
        elif self._rest is None:
            self.ended = "end of input"

    def _quiet(self, time_s: float) -> bool:
        return self._clock() - self._changed_s >= time_s

    def _is_silent(self) -> bool:
        """A stack without the monitor has come up."""
        if not self._has_monitor:
            return self._quiet(_READY_QUIET_S)
        if self._quiet(_BOOT_QUIET_S):
            raise ConsoleTimeout(
                f"the monitor did not come up: no {READY_LINE.decode()!r}, and nothing has come "
                f"for {_BOOT_QUIET_S:g} s\n{self._console.describe()}",
                hint="the firmware hangs: the console says how far it came",
            )
        return False

    def _await_answer(self, asked: bytes) -> None:
        if not self._monitor:
            self._asked = None if self._quiet(_ANSWER_QUIET_S) else asked
        elif self._heard.endswith(b"\n" + PROMPT):
            self._asked = None
        elif self._quiet(_ANSWER_TIMEOUT_S):
            raise ConsoleTimeout(
                f"the monitor's prompt did not return after {asked.decode(errors='replace')!r}; "
                f"nothing has come for {_ANSWER_TIMEOUT_S:g} s\n{self._console.describe()}",
                hint="the command hangs in firmware, or the monitor has panicked",
            )

    def _send(self, line: bytes) -> None:
        self._heard, self._asked, self._changed_s = b"", line, self._clock()
        self._console.send(line.rstrip(b"\r") + b"\r")
