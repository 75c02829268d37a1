# SPDX-License-Identifier: BSD-3-Clause
"""A console: bytes in, bytes out, patterns waited for. The only user of pexpect.

Invariants:

* a thread drains the transport from the first moment to the last, whether or not
  anybody expects anything, so the machine never blocks on its own output;
* transcript and alarm log see every byte before a pattern can match it;
* what nobody has expected yet is kept, up to ``_KEPT_BYTES``.
"""

from __future__ import annotations

import contextlib
import io
import re
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Protocol

from pexpect import EOF, TIMEOUT
from pexpect.spawnbase import SpawnBase

from harness.alarms import AlarmLog
from harness.deadline import Deadline
from harness.errors import ConsoleClosed, ConsoleTimeout
from harness.transcript import Transcript

if TYPE_CHECKING:
    _SpawnBytes = SpawnBase[bytes]
else:
    _SpawnBytes = SpawnBase

_KEPT_BYTES = 16 * 1024 * 1024
_WINDOW_BYTES = 8192
_READ_BYTES = 4096
_ALARM_POLL_S = 0.05
_SEND_TIMEOUT_S = 10.0


class Transport(Protocol):
    """What a console runs over; ``socket.socket`` is one."""

    def recv(self, size_bytes: int, /) -> bytes:
        """Block for bytes; an empty result or ``OSError`` means that the line has ended."""

    def send(self, data: memoryview, flags: int, /) -> int:
        """Send some bytes, return how many; ``flags`` are those of sockets."""

    def fileno(self) -> int:
        """Return the descriptor to wait on until there is room to send."""

    def shutdown(self, how: int, /) -> None:
        """End the line, so that a blocked ``recv`` returns."""

    def close(self) -> None:
        """Give the transport back."""


class _Inbox:
    """Bytes received and not yet expected, filled by the drain thread."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.data = bytearray()
        self.received = 0
        self.closed = False

    def put(self, data: bytes) -> None:
        with self.condition:
            self.data += data
            self.received += len(data)
            if len(self.data) > _KEPT_BYTES:
                del self.data[: len(self.data) - _KEPT_BYTES // 2]
            self.condition.notify_all()

    def close(self) -> None:
        with self.condition:
            self.closed = True
            self.condition.notify_all()

    def take(self, size: int) -> bytes:
        """Take up to ``size`` bytes; the caller holds the condition."""
        data = bytes(self.data[:size])
        del self.data[:size]
        return data


class _Spawn(_SpawnBytes):
    """pexpect's matcher, fed from an inbox, timed by our deadline alone."""

    def __init__(self, inbox: _Inbox, alarms: AlarmLog) -> None:
        super().__init__(timeout=None, maxread=_READ_BYTES, searchwindowsize=_WINDOW_BYTES)
        self.delaybeforesend = None
        self.delayafterread = None
        self.deadline = Deadline.after(0)
        self.horizon: int | None = None
        self._inbox = inbox
        self._alarms = alarms

    def forget(self) -> None:
        """Drop what was read and not matched."""
        self._buffer, self._before = io.BytesIO(), io.BytesIO()

    def keep(self) -> None:
        """Take back what pexpect drops at the end of a line."""
        if isinstance(self.before, bytes):
            self._before.write(self.before)

    def read_nonblocking(self, size: int = 1, timeout: float | None = None) -> bytes:
        """Return what came in; past the deadline only what had come in by then."""
        del timeout  # pexpect's own clock is not monotonic
        inbox = self._inbox
        with inbox.condition:
            while True:
                if self.horizon is None and self.deadline.expired:
                    self.horizon = inbox.received
                consumed = inbox.received - len(inbox.data)
                if self.horizon is not None and consumed >= self.horizon:
                    raise TIMEOUT("deadline passed")
                if inbox.data:
                    return inbox.take(size)
                if inbox.closed:
                    raise EOF("transport closed")
                if self._alarms.first is not None:
                    raise TIMEOUT("alarm")
                inbox.condition.wait(min(self.deadline.remaining_s, _ALARM_POLL_S))


class Console:
    """One named line of a machine. One thread at a time may ``expect``.

    Raises from ``expect``: ``ConsoleTimeout``, ``ConsoleClosed``, ``AlarmRaised`` (an alarm
    on any console of the machine), ``TranscriptError`` (the disk is full).
    """

    def __init__(
        self, name: str, transport: Transport, transcript: Transcript, alarms: AlarmLog
    ) -> None:
        self.name = name
        self.transcript = transcript
        self.alarms = alarms
        self.send_timeout_s = _SEND_TIMEOUT_S
        self._transport = transport
        self._inbox = _Inbox()
        self._spawn = _Spawn(self._inbox, alarms)
        self._stopping = False
        self._thread = threading.Thread(target=self._drain, name=f"console-{name}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether the other end has closed the line."""
        return self._inbox.closed

    @property
    def received_bytes(self) -> int:
        """How many bytes have come in so far."""
        return self._inbox.received

    def _drain(self) -> None:
        try:
            while data := self._receive():
                self.transcript.write(data)
                self.alarms.feed(self.name, data)
                self._inbox.put(data)
            self.alarms.finish(self.name)
        finally:
            self._inbox.close()

    def _receive(self) -> bytes:
        try:
            return self._transport.recv(65536)
        except OSError:
            return b""

    def expect(self, pattern: str | bytes, deadline: Deadline | float) -> re.Match[bytes]:
        """Wait until ``pattern`` (a regular expression) has come in; return its match.

        What comes after the match stays for the next call. A deadline of zero looks only at
        what is already there. The search looks back over the last 8 KiB.
        """
        until = Deadline.of(deadline)
        raw = pattern.encode() if isinstance(pattern, str) else pattern
        self.transcript.check()
        self._spawn.deadline, self._spawn.horizon = until, None
        try:
            self._spawn.expect_list([re.compile(raw)], timeout=None)
        except EOF:
            self._spawn.keep()
            self.alarms.check()
            raise self._closed(raw, until) from None
        except TIMEOUT:
            self.alarms.check()
            self.transcript.check()
            raise self._timeout(raw, until) from None
        match = self._spawn.match
        assert isinstance(match, re.Match)
        return match

    def read_until(
        self, pattern: str | bytes, deadline: Deadline | float
    ) -> tuple[bytes, re.Match[bytes]]:
        """Like ``expect``; return also all that came in before the match."""
        match = self.expect(pattern, deadline)
        before = self._spawn.before
        return (before if isinstance(before, bytes) else b""), match

    def discard(self) -> None:
        """Forget everything that came in and was not expected (the transcript keeps it)."""
        with self._inbox.condition:
            self._inbox.data.clear()
        self._spawn.forget()

    def send(self, data: bytes | str) -> None:
        """Send bytes; text as UTF-8.

        Raises ``ConsoleClosed`` if the line has ended, ``ConsoleTimeout`` if the other end
        does not take the bytes.
        """
        until = Deadline.after(self.send_timeout_s)
        view = memoryview(data.encode() if isinstance(data, str) else data)
        self.transcript.check()
        try:
            while view:
                view = view[self._send_some(view, until) :]
        except OSError as problem:
            self.alarms.check()
            raise self._closed(bytes(view), until, verb="send") from problem

    def _send_some(self, view: memoryview, until: Deadline) -> int:
        """Send what fits; wait for room if nothing does."""
        try:
            return self._transport.send(view, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        if until.expired:
            self.alarms.check()
            raise ConsoleTimeout(
                f"console {self.name!r} did not take {len(view)} more bytes within "
                f"{until.timeout_s:g} s\n{self.describe()}",
                hint="nobody reads at the other end: the machine hangs",
            )
        room = select.poll()
        room.register(self._transport.fileno(), select.POLLOUT)
        room.poll(1000 * min(until.remaining_s, _ALARM_POLL_S))
        return 0

    def recent(self) -> bytes:
        """Return the last bytes that came in, expected or not."""
        return self.transcript.recent()

    def tail(self, lines: int = 20) -> str:
        """Return the last lines that came in, as text."""
        return self.transcript.tail(lines)

    def describe(self, lines: int = 20) -> str:
        """Return name, last lines and transcript path, for reports."""
        text = self.tail(lines)
        shown = "\n".join(f"  | {line}" for line in text.split("\n")) if text else "  | (nothing)"
        return f"last lines of console {self.name!r}:\n{shown}\ntranscript: {self.transcript.path}"

    def _timeout(self, pattern: bytes, until: Deadline) -> ConsoleTimeout:
        return ConsoleTimeout(
            f"wanted /{_show(pattern)}/ on console {self.name!r} within {until.timeout_s:g} s, "
            f"not seen after {until.elapsed_s:.2f} s\n{self.describe()}",
            hint="the last lines show where it stopped; nothing at all means a dead machine",
        )

    def _closed(self, wanted: bytes, until: Deadline, verb: str = "see") -> ConsoleClosed:
        return ConsoleClosed(
            f"console {self.name!r} closed after {until.elapsed_s:.2f} s, before it was possible "
            f"to {verb} /{_show(wanted)}/\n{self.describe()}",
            hint="the machine has most likely ended: see its exit status and stderr",
        )

    def close(self, timeout_s: float = 2.0) -> None:
        """End the line, let the drain thread finish, close the transcript. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        deadline = time.monotonic() + timeout_s
        with contextlib.suppress(OSError):
            self._transport.shutdown(2)
        if self._thread is not threading.current_thread():
            self._thread.join(max(0.0, deadline - time.monotonic()))
        self._transport.close()
        self.transcript.close()


def _show(raw: bytes, most: int = 200) -> str:
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= most else text[:most] + "…"
