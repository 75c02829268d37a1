# SPDX-License-Identifier: BSD-3-Clause
"""The end of a host that does not go along."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import ConsoleTimeout, MachineError
from harness.host.host import Host, HostKeys
from harness.tests.fakes import console_pair


@pytest.mark.parametrize("dead", [True, False])
def test_host_that_does_not_hear_of_its_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    """Nobody is at the other end of the line, or nobody reads there: a machine's error."""
    console, far = console_pair(tmp_path, "host")
    stopped: list[float] = []
    machine: Any = SimpleNamespace(
        consoles={"host": console},
        alarms=console.alarms,
        describe=lambda: "QEMU: killed by SIGKILL",
        stop=lambda soft_s: stopped.append(soft_s),
        alive=not dead,
    )

    def full(_text: str) -> None:
        raise ConsoleTimeout("it did not take 30 more bytes")

    if dead:
        far.close()
    else:
        monkeypatch.setattr(console, "send", full)
    with pytest.raises(MachineError, match="the host cannot be told to end") as caught:
        Host(machine, HostKeys(), "cold boot").shutdown()
    assert "killed by SIGKILL" in caught.value.message
    assert stopped == [0]
    far.close()
    console.close()
