# SPDX-License-Identifier: BSD-3-Clause
"""``--link rmi-device``: what a start that fails gives back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import BootFailed, ConsoleClosed
from harness.host import Host
from harness.plugin.device import DeviceBoot
from harness.stack import BuiltStack


class EndedPipe:
    """A program of the host that ended before it said anything."""

    closed = False

    def receive(self, _timeout_s: float) -> bytes:
        raise ConsoleClosed("the program ended")

    def send(self, _data: bytes) -> None:
        raise AssertionError("nobody asks who has not greeted")

    def close(self) -> None:
        self.closed = True


def test_agent_that_does_not_serve_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = EndedPipe()
    host = SimpleNamespace(
        ssh=SimpleNamespace(pipe=lambda _: pipe), machine=SimpleNamespace(check=lambda: None)
    )
    monkeypatch.setattr(Host, "boot", lambda *_, **__: host)
    built = cast("BuiltStack", None)
    with pytest.raises(BootFailed, match="rmi-agent does not serve: the program ended"):
        DeviceBoot()(built, tmp_path, "boot-1", "rmi-device")
    assert pipe.closed
