# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's control channel.

``handshake`` speaks the first two messages itself: the answer to the second comes from
QEMU's main loop, so it proves that the whole command line was accepted. Everything
later goes through ``qemu.qmp``, whose event loop is started at the first command only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.deadline import Deadline
from harness.errors import MachineError

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

_POLL_S = 0.02
_LEAVE_S = 5.0


class QmpError(MachineError):
    """QEMU refused a command, or its control channel does not answer."""


class QmpChannel:
    """One control channel on a connected socket. ``execute`` may be called by any thread."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._joining = asyncio.Lock()
        self._client: QMPClient | None = None
        self._closed = False

    def handshake(self, ended: Callable[[], bool], deadline: Deadline) -> str | None:
        """Wait until QEMU's main loop runs; return its version, None if ``ended()`` came first.

        Raises ``QmpError`` when neither happens before the deadline.
        """
        received = b""
        version = ""
        with contextlib.suppress(OSError):
            self._line.sendall(b'{"execute": "qmp_capabilities"}\n')
        while not deadline.expired:
            piece = self._receive()
            if not piece and ended():
                return None
            *lines, received = (received + piece).split(b"\n")
            for message in map(json.loads, lines):
                if "QMP" in message:
                    version = _version(message)
                elif "return" in message:
                    return version
        message = f"QEMU's control channel was silent for {deadline.timeout_s:g} s"
        raise QmpError(message) from TimeoutError()

    def _receive(self) -> bytes:
        self._line.settimeout(_POLL_S)
        try:
            piece = self._line.recv(4096)
        except TimeoutError:
            return b""
        except OSError:
            piece = b""
        finally:
            self._line.settimeout(0)
        if not piece:
            time.sleep(_POLL_S)  # closed: the process ends at any moment
        return piece

    def execute(self, command: str, arguments: dict[str, object], timeout_s: float) -> object:
        """Run one command and return what it returns. Raises ``QmpError``."""
        with self._lock:  # close() ends what was begun before it, and nothing begins after it
            loop = self._running_loop()
            asked = self._bounded(command, arguments, timeout_s)
            future = asyncio.run_coroutine_threadsafe(asked, loop)
        try:
            return future.result()
        except TimeoutError as late:
            raise QmpError(f"QMP {command} {arguments}: no answer in {timeout_s:g} s") from late
        except Exception as problem:
            raise QmpError(f"QMP {command} {arguments}: {problem}") from problem

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise QmpError("QEMU's control channel is closed: the machine was stopped")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=_serve, args=(self._loop,), name="qmp", daemon=True
            )
            self._thread.start()
        return self._loop

    async def _bounded(
        self, command: str, arguments: dict[str, object], timeout_s: float
    ) -> object:
        async with asyncio.timeout(timeout_s):
            async with self._joining:
                if self._client is None:
                    self._client = await _connect(self._line)
            return await self._client.execute(command, arguments)

    def close(self) -> None:
        """Leave the channel and end its thread. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._loop is not None and self._thread is not None:
                if self._client is not None:
                    future = asyncio.run_coroutine_threadsafe(_leave(self._client), self._loop)
                    with contextlib.suppress(TimeoutError):
                        future.result(_LEAVE_S)
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(_LEAVE_S)
            self._line.close()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped; what is under way then is cancelled, not forgotten."""
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel_others())
    finally:
        loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _connect(line: socket.socket) -> QMPClient:
    from qemu.qmp import QMPClient

    client = QMPClient("machine")
    client.await_greeting = False  # the handshake took both
    client.negotiate = False
    await client.connect(line)
    return client


async def _leave(client: QMPClient) -> None:
    with contextlib.suppress(Exception):  # the other end may be gone in any way
        await client.disconnect()


def _version(greeting: dict[str, dict[str, dict[str, dict[str, int]]]]) -> str:
    numbers = greeting["QMP"]["version"]["qemu"]
    return f"{numbers['major']}.{numbers['minor']}.{numbers['micro']}"
