# SPDX-License-Identifier: BSD-3-Clause
"""The exported serial port of a board as a console's transport: raw TCP, or telnet (RFC 2217).

A connection whose other end vanishes without a word is noticed by TCP itself within
``_DEAD_AFTER_S``; one that is closed, at once.
"""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass

from harness.deadline import Deadline
from harness.lab.faults import LabFault

_DEAD_AFTER_S = 15
_PROBES = 3
_RETRY_S = 0.2
_PIECE_BYTES = 1024

_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_BINARY, _ECHO, _SUPPRESS_GO_AHEAD = 0, 1, 3
_TAKEN = (_BINARY, _SUPPRESS_GO_AHEAD)


@dataclass(frozen=True, slots=True)
class SerialPort:
    """Where a place's serial port is exported; ``protocol`` is raw or rfc2217."""

    host: str
    port: int
    protocol: str = "rfc2217"

    def __str__(self) -> str:
        return f"{self.host}:{self.port} ({self.protocol})"


def connect(port: SerialPort, place: str, deadline: Deadline) -> socket.socket | TelnetTransport:
    """Connect to a serial port, trying again until the deadline. Raises ``LabFault``."""
    while True:
        try:
            line = socket.create_connection((port.host, port.port), max(0.1, deadline.remaining_s))
        except OSError as problem:
            if deadline.expired:
                raise LabFault(
                    f"place {place}: no connection to the serial server {port}: {problem}",
                    hint="is the exporter's host up, and its ser2net?",
                    place=place,
                    broken=True,
                ) from problem
            time.sleep(min(_RETRY_S, deadline.remaining_s))
        else:
            _keep_alive(line)
            return TelnetTransport(line) if port.protocol == "rfc2217" else line


def _keep_alive(line: socket.socket) -> None:
    line.settimeout(None)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    each_s = _DEAD_AFTER_S // _PROBES
    for option, value in (
        (socket.TCP_KEEPIDLE, each_s),
        (socket.TCP_KEEPINTVL, each_s),
        (socket.TCP_KEEPCNT, _PROBES),
        (socket.TCP_USER_TIMEOUT, 1000 * _DEAD_AFTER_S),
    ):
        line.setsockopt(socket.IPPROTO_TCP, option, value)


class TelnetTransport:
    """A connection with telnet's escapes taken out and put in; asks for eight clean bits."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._filter = TelnetFilter()
        line.sendall(bytes(word for o in _TAKEN for word in (_IAC, _WILL, o, _IAC, _DO, o)))

    def recv(self, size_bytes: int, /) -> bytes:
        """See ``harness.console.Transport``."""
        while raw := self._line.recv(size_bytes):
            data, answer = self._filter.feed(raw)
            if answer:
                with contextlib.suppress(OSError):
                    self._line.sendall(answer)
            if data:
                return data
        return b""

    def send(self, data: memoryview, flags: int, /) -> int:
        """See ``harness.console.Transport``."""
        piece = bytes(data[:_PIECE_BYTES])
        sent = self._line.send(piece.replace(b"\xff", b"\xff\xff"), flags)
        taken = used = 0
        while used < sent:
            used += 2 if piece[taken] == _IAC else 1
            taken += 1
        if used > sent:  # half of an escape went out
            self._line.sendall(b"\xff")
        return taken

    def fileno(self) -> int:
        """See ``harness.console.Transport``."""
        return self._line.fileno()

    def shutdown(self, how: int, /) -> None:
        """See ``harness.console.Transport``."""
        self._line.shutdown(how)

    def close(self) -> None:
        """See ``harness.console.Transport``."""
        self._line.close()


class TelnetFilter:
    """Takes telnet's commands out of a stream, whatever way it is cut into pieces."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, raw: bytes) -> tuple[bytes, bytes]:
        """Return the data of the next piece, and what has to be answered."""
        raw, self._held = self._held + raw, b""
        data, answer, at = bytearray(), bytearray(), 0
        while at < len(raw):
            if raw[at] != _IAC:
                end = raw.find(_IAC, at)
                end = len(raw) if end < 0 else end
                data += raw[at:end]
                at = end
                continue
            length = _command_length(raw, at)
            if length == 0:
                self._held = raw[at:]
                break
            command = raw[at : at + length]
            if command == b"\xff\xff":
                data.append(_IAC)
            else:
                answer += _answer(command)
            at += length
        return bytes(data), bytes(answer)


def _command_length(raw: bytes, at: int) -> int:
    """How long the command at ``at`` is; 0 if it is not all there yet."""
    if at + 1 >= len(raw):
        return 0
    kind = raw[at + 1]
    if kind == _SB:
        end = raw.find(bytes((_IAC, _SE)), at)
        return end + 2 - at if end >= 0 else 0
    if kind in (_DO, _DONT, _WILL, _WONT):
        return 3 if at + 2 < len(raw) else 0
    return 2


def _answer(command: bytes) -> bytes:
    """Refuse what was not asked for; what was needs no answer."""
    if len(command) != 3 or command[2] in _TAKEN:
        return b""
    refusal = {_DO: _WONT, _WILL: _DONT}.get(command[1])
    if command[1] == _WILL and command[2] == _ECHO:
        return b""  # a server says so by habit; nothing is echoed
    return bytes((_IAC, refusal, command[2])) if refusal else b""
