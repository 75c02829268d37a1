# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's control channel when it is left while something is under way."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from harness.machine import qmp
from harness.machine.qmp import QmpChannel, QmpError


class Slow:
    """A client that never gets away; it notes how it was ended."""

    def __init__(self) -> None:
        self.ended = ""

    async def execute(self, _command: str, _arguments: object) -> str:
        return "done"

    async def disconnect(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


class Quick(Slow):
    """A client that leaves at once."""

    async def disconnect(self) -> None:
        self.ended = "left"


@pytest.mark.parametrize(("client", "ended"), [(Quick(), "left"), (Slow(), "cancelled")])
def test_what_is_under_way_when_the_channel_closes_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, client: Slow, ended: str
) -> None:
    async def connect(_line: socket.socket) -> Slow:
        return client

    monkeypatch.setattr(qmp, "_connect", connect)
    monkeypatch.setattr(qmp, "_LEAVE_S", 0.05)
    ours, theirs = socket.socketpair()
    channel = QmpChannel(ours)
    assert channel.execute("stop", {}, 5) == "done"
    channel.close()
    theirs.close()
    for thread in threading.enumerate():
        if thread.name == "qmp":
            thread.join(5)
    assert client.ended == ended


class Deaf(Quick):
    """A client whose commands are never answered."""

    async def execute(self, _command: str, _arguments: object) -> str:
        await asyncio.Event().wait()
        return ""


def test_command_and_close_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is given to the channel before it closes, or refused: it never waits for ever."""
    closers: list[threading.Thread] = []
    given = asyncio.run_coroutine_threadsafe

    async def connect(_line: socket.socket) -> Slow:
        return Deaf()

    def close_first(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Any:
        if coroutine.__name__ == "_bounded":
            closers.append(threading.Thread(target=channel.close))
            closers[0].start()
            closers[0].join(0.5)  # so long the close has time to come first
        return given(coroutine, loop)

    monkeypatch.setattr(qmp, "_connect", connect)
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", close_first)
    ours, theirs = socket.socketpair()
    channel = QmpChannel(ours)
    with pytest.raises(QmpError, match="QMP stop"):
        channel.execute("stop", {}, 3600)
    closers[0].join(60)
    with pytest.raises(QmpError, match="the machine was stopped"):
        channel.execute("stop", {}, 3600)
    theirs.close()


def test_channel_that_cannot_be_joined_is_a_qmp_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports ask QEMU where its PEs are: they must not end with an error of their own."""

    async def connect(_line: socket.socket) -> Slow:
        raise OSError("broken")

    monkeypatch.setattr(qmp, "_connect", connect)
    ours, theirs = socket.socketpair()
    channel = QmpChannel(ours)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(QmpError, match="broken"):
            channel.execute("stop", {}, 5)
    assert threading.active_count() <= before + 1
    channel.close()
    theirs.close()
