# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's control channel when it is left while something is under way."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from harness.machine import qmp
from harness.machine.qmp import QmpChannel


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
