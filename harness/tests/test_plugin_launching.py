# SPDX-License-Identifier: BSD-3-Clause
"""How the fixture ``launch`` starts a launcher's program on a host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.host import Host
from harness.launch import OptionRefused, RealmConfig, realm_run
from harness.machine.realm_names import RealmNames
from harness.plugin.launching import launched


class FakeSsh:
    """Remembers what was started."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []

    def start(self, command: str, *, name: str) -> object:
        self.started.append((name, command))
        return SimpleNamespace(poll=lambda: None)


@pytest.fixture
def ssh() -> FakeSsh:
    return FakeSsh()


def host_with(ssh: FakeSsh) -> Host:
    machine = SimpleNamespace(tap_file=None, realm_names=RealmNames({}, {}))
    return cast("Host", SimpleNamespace(ssh=ssh, machine=machine))


CONFIG = RealmConfig(script="puts it's on", memory_bytes=1 << 20)
WORDS = """realm-run --mem 1024K --recs 1 --do 'puts it'"'"'s on'"""


@pytest.mark.parametrize(
    ("environment", "command"),
    [(None, f"exec {WORDS}"), ({"FAKE": "no rmm"}, f"exec env FAKE='no rmm' {WORDS}")],
)
def test_program_replaces_the_shell_that_starts_it(
    ssh: FakeSsh, environment: dict[str, str] | None, command: str
) -> None:
    """What is waited for and killed is the VMM itself."""
    realm = launched(host_with(ssh), realm_run(), CONFIG, environment=environment)
    assert ssh.started == [("realm-run", command)]
    assert realm.running
    assert realm.events() == []


def test_option_that_is_refused_starts_nothing(ssh: FakeSsh) -> None:
    settings: dict[str, Any] = {"disk": "/disk"}
    with pytest.raises(OptionRefused, match="its only device is a UART"):
        launched(host_with(ssh), realm_run(), RealmConfig(**settings))
    assert ssh.started == []
