# SPDX-License-Identifier: BSD-3-Clause
"""``--link rmi-device``: the test cases for bare metal, through ``/dev/rmi`` of a Linux host.

The host boots once; what holds a test's granules is a program there. Where a machine would be
replaced, that program ends, and the module takes everything back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError, LinkCannot
from harness.host import Host
from harness.link.devrmi import DevRmiLink
from harness.plugin.keeper import Running
from harness.plugin.options import DEVICE_LINK
from harness.plugin.session import cca_session
from harness.realm import Ledger, NormalWorld
from harness.realm.device_pool import DevicePool
from harness.realm.unwind import on_failure
from harness.stack import BuiltStack

STACK = "embedded-linux"
"""Where the session's stack has no kernel."""

CAPABILITIES = frozenset({"granules", "features", "wiping"})
"""What a host's stack can do besides when its /dev/rmi is the link."""

_AGENT = "rmi-agent"
_BARE_METAL = "embedded"


class DeviceBoot:
    """Starts agents on one host; ``MachineKeeper`` calls it as it does for a machine."""

    def __init__(self) -> None:
        self._host: Host | None = None

    def __call__(self, built: BuiltStack, folder: Path, name: str, _link_kind: str) -> Running:
        """Boot the host unless it is up and well, and start an agent."""
        host = self._usable() or Host.boot(built, folder, name=name)
        self._host = host
        link = DevRmiLink(host.ssh.pipe(_AGENT), check=host.machine.check)
        with on_failure(link.close):
            link.hello()
        ledger = Ledger()
        link.observers.append(lambda _pe, args, results: ledger.observe(args, results))
        world = NormalWorld(link, DevicePool(link), ledger)
        return Running(host.machine, link, world, end=link.close)

    def _usable(self) -> Host | None:
        if self._host is not None:
            try:
                self._host.machine.check()
            except HarnessError:
                self.close()
        return self._host

    def close(self) -> None:
        """End of the session."""
        host, self._host = self._host, None
        if host is not None:
            host.stop()


_BOOT = pytest.StashKey[DeviceBoot]()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the session boot a Linux host instead of the monitor."""
    cca = cca_session(config)
    if cca.link_kind != DEVICE_LINK:
        return
    if cca.stack_name == _BARE_METAL:
        cca.stack_name = STACK
    cca.adds = CAPABILITIES
    cca.no_tap = "the link goes through a Linux host"
    cca.boot = config.stash[_BOOT] = DeviceBoot()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the host, behind its last user."""
    if _BOOT in session.config.stash:
        session.config.stash[_BOOT].close()


@contextlib.contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except LinkCannot as reason:
        pytest.skip(reason.message)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Skip, with the reason, what the link cannot do."""
    del item
    with _skipping():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Skip, with the reason, what the link cannot do."""
    del item
    with _skipping():
        return (yield)
