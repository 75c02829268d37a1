# SPDX-License-Identifier: BSD-3-Clause
"""A board made of a QEMU: ``python -m harness.lab.board CONFIG.json``, one process a board.

It has what a board in a rack has: serial servers on TCP ports that stay while the power is off,
and a switch (HTTP, as labgrid's power model ``simplerest`` speaks it). Power on starts QEMU,
power off kills it. ``GET /fault/hang`` makes it hang for good: it falls silent, and switching it
off and on does not help. It ends with its parent, and QEMU ends with it.

``ready.json`` of its folder tells the ports once it serves.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.lab.transport import TelnetFilter
from harness.machine.argv import CONSOLE_NAMES, Wiring, qemu_argv
from harness.machine.process import ChildProcess

HOST = "127.0.0.1"
READY = "ready.json"
_IAC, _WILL, _BINARY, _ECHO = 255, 251, 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardShape:
    """The machine inside, as ``harness.machine.argv.Shape``."""

    memory_bytes: int
    cpus: int
    cpu: str
    accel: str
    machine_options: str
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardConfig:
    """A board: what it boots (``harness.machine.argv.Bootable``) and what it says of itself.

    ``telnet`` names the consoles whose server speaks telnet, as ser2net does for RFC 2217.
    """

    name: str
    qemu: Path
    flash: Path
    machine: BoardShape
    folder: Path
    telnet: tuple[str, ...] = ()
    elfs: Mapping[str, Path]
    maps: Mapping[str, Path]

    def write(self, path: Path) -> Path:
        """Write the file that the board process reads."""
        path.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> BoardConfig:
        """Read what ``write`` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        shape = BoardShape(**{**raw["machine"], "extra_args": tuple(raw["machine"]["extra_args"])})
        return cls(
            name=raw["name"],
            qemu=Path(raw["qemu"]),
            flash=Path(raw["flash"]),
            machine=shape,
            folder=Path(raw["folder"]),
            telnet=tuple(raw["telnet"]),
            elfs={},
            maps={},
        )


class SerialServer:
    """One serial port on TCP: one client at a time, the last one that came."""

    def __init__(self, *, telnet: bool) -> None:
        self.listener = socket.create_server((HOST, 0))
        self.port: int = self.listener.getsockname()[1]
        self._telnet = telnet
        self._lock = threading.Lock()
        self._client: socket.socket | None = None
        self._board: socket.socket | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def plug(self, board: socket.socket) -> None:
        """The board is on: its line is this one."""
        self._board = board
        threading.Thread(target=self._from_board, args=(board,), daemon=True).start()

    def unplug(self) -> None:
        """The board is off; the client stays."""
        board, self._board = self._board, None
        if board is not None:
            with contextlib.suppress(OSError):
                board.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            with self._lock:
                before, self._client = self._client, client
                if before is not None:
                    with contextlib.suppress(OSError):
                        before.shutdown(socket.SHUT_RDWR)
                if self._telnet:
                    client.sendall(bytes((_IAC, _WILL, _ECHO, _IAC, _WILL, _BINARY)))
            threading.Thread(target=self._from_client, args=(client,), daemon=True).start()

    def _from_board(self, board: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := board.recv(4096):
                with self._lock, contextlib.suppress(OSError):
                    if self._client is not None:
                        clean = data.replace(b"\xff", b"\xff\xff") if self._telnet else data
                        self._client.sendall(clean)
        board.close()

    def _from_client(self, client: socket.socket) -> None:
        telnet = TelnetFilter() if self._telnet else None
        with contextlib.suppress(OSError):
            while data := client.recv(4096):
                answer = b""
                if telnet is not None:
                    data, answer = telnet.feed(data)
                if answer:
                    client.sendall(answer)
                board = self._board
                if board is not None and data:
                    with contextlib.suppress(OSError):
                        board.sendall(data)
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()


class Board:
    """The board itself: power, and whether it hangs."""

    def __init__(self, config: BoardConfig) -> None:
        self.config = config
        self.servers = {name: SerialServer(telnet=name in config.telnet) for name in CONSOLE_NAMES}
        self.powered = False
        self._hangs = False
        self._lock = threading.Lock()
        self._qemu: ChildProcess | None = None
        self._control: socket.socket | None = None

    def switch(self, *, on: bool) -> None:
        """Switch the power; on when on, or off when off, does nothing."""
        with self._lock:
            if on != self.powered:
                self.powered = on
                if on:
                    self._on()
                else:
                    self._off()

    def hang(self) -> None:
        """Fall silent for good."""
        with self._lock:
            self._hangs = True
            if self._qemu is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._qemu.pid, signal.SIGSTOP)

    def _on(self) -> None:
        if self._hangs:
            return
        pairs = {name: socket.socketpair() for name in (*CONSOLE_NAMES, "qmp")}
        self._control = pairs["qmp"][0]
        theirs = {name: pair[1] for name, pair in pairs.items()}
        fds = {name: end.fileno() for name, end in theirs.items()}
        wiring = Wiring({name: fds[name] for name in CONSOLE_NAMES}, fds["qmp"])
        try:
            for name, server in self.servers.items():
                server.plug(pairs[name][0])
            self._qemu = ChildProcess.start(
                qemu_argv(self.config, wiring),
                list(fds.values()),
                self.config.folder / "qemu.log",
            )
        finally:
            for end in theirs.values():
                end.close()

    def _off(self) -> None:
        if self._qemu is not None:
            self._qemu.stop(soft_s=0)
            self._qemu = None
        for server in self.servers.values():
            server.unplug()
        if self._control is not None:
            self._control.close()
            self._control = None


class _Switch(BaseHTTPRequestHandler):
    """``/power/INDEX/VALUE`` switches, ``/power/INDEX`` tells, ``/fault/hang`` breaks it."""

    board: Board

    def do_GET(self) -> None:
        """Answer a request."""
        words = [word for word in self.path.split("/") if word]
        answer = "ok"
        if words[:1] == ["power"] and len(words) == 3 and words[2] in "01":
            self.board.switch(on=words[2] == "1")
        elif words[:1] == ["power"] and len(words) == 2:
            answer = str(int(self.board.powered))
        elif words == ["fault", "hang"]:
            self.board.hang()
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve one board until the process is ended."""
    config = BoardConfig.read(Path(sys.argv[1]))
    board = Board(config)
    _Switch.board = board
    http = ThreadingHTTPServer((HOST, 0), _Switch)
    http.daemon_threads = True
    ready = {
        "switch": f"http://{HOST}:{http.server_address[1]}",
        "serial": {name: server.port for name, server in board.servers.items()},
    }
    draft = config.folder / f".{READY}"
    draft.write_text(json.dumps(ready), encoding="utf-8")
    draft.replace(config.folder / READY)
    http.serve_forever()


if __name__ == "__main__":
    main()
