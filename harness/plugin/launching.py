# SPDX-License-Identifier: BSD-3-Clause
"""Realms on the Linux host: the fixtures ``abilities`` and ``launch``.

``@pytest.mark.requires("kvm-realms")`` and the other names of ``FOUND_OUT`` are no statements
of a stack: the booted host is asked, once a session, and the reason is its answer.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import pytest

from harness.host.host import Host
from harness.launch import Launcher, RealmConfig
from harness.launch.abilities import FOUND_OUT, HostAbilities
from harness.launch.ask import ask_host
from harness.launch.running import RunningRealm
from harness.stack.probe import build_kvm_probe
from harness.tap import Event, Tap

_ABILITIES = pytest.StashKey[HostAbilities]()


class Launch(Protocol):
    """Starts a realm: ``launch(recs=2)``, ``launch("kvmtool", config)``."""

    def __call__(
        self, launcher: str = ..., config: RealmConfig | None = ..., **settings: object
    ) -> RunningRealm: ...


@pytest.hookimpl(trylast=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that requires what only a booted host knows has the host asked first."""
    names = getattr(item, "fixturenames", None)
    if names is not None and _wanted(item) and "abilities" not in names:
        names.append("abilities")


def _wanted(item: pytest.Item) -> list[str]:
    given = {name for marker in item.iter_markers("requires") for name in marker.args}
    return sorted(given & FOUND_OUT)


@pytest.fixture
def abilities(request: pytest.FixtureRequest) -> HostAbilities:
    """What the host can do. The test is skipped where that is not what it requires."""
    known = _ask(request)
    for capability in _wanted(request.node):
        if reason := known.lacking(capability):
            pytest.skip(f"not on this host: {reason}")
    return known


def _ask(request: pytest.FixtureRequest) -> HostAbilities:
    """Ask once a session: each host of it comes from the same stack."""
    stash = request.config.stash
    if _ABILITIES not in stash:
        host: Host = request.getfixturevalue("host")
        stash[_ABILITIES] = ask_host(host.shell, build_kvm_probe())
    return stash[_ABILITIES]


@pytest.fixture
def launch(host: Host, abilities: HostAbilities) -> Iterator[Launch]:
    """Launch realms on the host; whatever still runs when the test ends is killed."""
    made: list[RunningRealm] = []

    def start(
        launcher: str = "realm-run", config: RealmConfig | None = None, **settings: object
    ) -> RunningRealm:
        if reason := abilities.lacks(launcher):
            pytest.skip(f"not on this host: {reason}")
        wanted = config or RealmConfig(**settings)  # type: ignore[arg-type]
        made.append(launched(host, abilities.launcher(launcher), wanted))
        return made[-1]

    yield start
    for realm in reversed(made):
        realm.close()


def launched(
    host: Host,
    launcher: Launcher,
    config: RealmConfig,
    *,
    environment: Mapping[str, str] | None = None,
) -> RunningRealm:
    """Start a launcher's program on a host. Raises ``OptionRefused``, and what the shell does."""
    # exec: the process that is waited for is the VMM itself, gone with all its threads.
    words = [f"{name}={shlex.quote(value)}" for name, value in (environment or {}).items()]
    command = " ".join(["exec", *(["env", *words] if words else []), launcher.shown(config)])
    events: Callable[[], Iterable[Event]] | None = None
    if host.machine.tap_file is not None:
        events = Tap(host.machine.tap_file, host.machine.check).events
    process = host.ssh.start(command, name=launcher.name)
    names = host.machine.realm_names.in_text
    return RunningRealm(launcher, config, process, events, names)
