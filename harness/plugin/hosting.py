# SPDX-License-Identifier: BSD-3-Clause
"""The Linux host that a test gets, and what must be true when the test is over.

==================  ==============================================================
``host``            a booted, clean Linux host: shells, kernel log, machine
``host_tap``        every SMC on the host's machine since the test began
``host_stack``      the built stack that the host boots (session)
==================  ==============================================================

The host's stack is the session's own if that has a kernel, ``embedded-linux`` beside
``embedded``, or what ``--linux-stack`` says. Each test has a host of its own.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pytest

from harness.errors import HarnessError, StackError
from harness.host import Host, HostKeys, Level, SnapshotHosts
from harness.machine import TapPlugin
from harness.plugin.evidence import EVIDENCE, Evidence
from harness.plugin.fixtures import FAILED
from harness.plugin.judging import Trial, terms_of
from harness.plugin.session import CcaSession, cca_session
from harness.plugin.tapping import Watch, choose_tap
from harness.stack import BuiltStack, Cache, Progress, Stack, build_stack
from harness.stack.companion import DEFAULT_STACK, host_stack
from harness.tap import Tap

_SHOWN = 20
_COMPLAINTS = ("WARNING: ", "BUG: ", "kernel BUG at", "Oops", "Call trace:", "Unable to handle")


class HostUnclean(HarnessError):
    """The host's kernel complained although the test had not asked for it."""

    verdict = "assertion"


class HostSession:
    """The stack of Linux hosts in this run, and how they are booted."""

    def __init__(self, cca: CcaSession) -> None:
        self.cca = cca
        self.keys = HostKeys()
        self.notes: list[str] = []
        if chosen := cca.config.getoption("cca_linux_stack"):
            cca.again += ["--linux-stack", shlex.quote(chosen)]

    @cached_property
    def stack(self) -> Stack:
        """The stack of hosts. Raises ``StackError`` where there is none."""
        cca = self.cca
        chosen: str | None = cca.config.getoption("cca_linux_stack")
        return host_stack(cca.stack, cca.stack_name, cca.overrides, chosen)

    @cached_property
    def built(self) -> BuiltStack:
        """Everything of the stack in place."""
        if "built" in vars(self.cca) and self.stack is self.cca.stack:
            return self.cca.built
        return build_stack(self.stack, progress=Progress())

    @cached_property
    def tap(self) -> tuple[TapPlugin | None, str]:
        """The plugin, or None, and why it records no SMCs, "" if it does."""
        return choose_tap(self.cca.config, self.stack, self.built)

    @cached_property
    def hosts(self) -> SnapshotHosts:
        """What starts hosts, from a snapshot where there is one."""
        folder = Cache().root / "hosts"
        return SnapshotHosts(self.built, folder, tap=self.tap[0], note=self.notes.append)

    def start(self) -> Host:
        """Start a clean host."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        return self.hosts.start(self.cca.run.path / "machines" / worker, self.keys)


@dataclass(slots=True)
class Hosted:
    """A test's host with what watches it."""

    host: Host
    tap: Tap | None
    trial: Trial | None


_SESSION = pytest.StashKey[HostSession]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses the stack of hosts."""
    parser.getgroup("cca").addoption(
        "--linux-stack",
        dest="cca_linux_stack",
        default=None,
        metavar="NAME|FILE",
        help=f"stack of Linux hosts (default: --stack if it has a kernel, else {DEFAULT_STACK})",
    )


def host_session(config: pytest.Config) -> HostSession:
    """The session object of hosts; made at the first use."""
    if _SESSION not in config.stash:
        config.stash[_SESSION] = HostSession(cca_session(config))
    return config.stash[_SESSION]


def _evidence(hosted: Hosted, session: HostSession) -> Evidence:
    notes = [f"host:      came up from: {hosted.host.origin}", *session.notes]
    if hosted.tap is None:
        notes.append(f"no tap:    {session.tap[1]}")
    return Evidence(
        hosted.host.machine,
        Watch(hosted.tap, None) if hosted.tap else None,
        hosted.trial,
        session.built,
        notes=tuple(notes),
        consoles=("host", "secure"),
        console_lines=20,
    )


@pytest.fixture(scope="session", name="host_stack")
def cca_host_stack(request: pytest.FixtureRequest) -> BuiltStack:
    """The built stack of Linux hosts; without one all that needs it is skipped."""
    session = host_session(request.config)
    try:
        session.stack  # noqa: B018 - whether there is one
    except StackError as problem:
        if session.cca.config.getoption("cca_linux_stack"):
            raise
        pytest.skip(f"not on this stack: {problem.message}")
    return session.built


@pytest.fixture
def cca_hosted(request: pytest.FixtureRequest, host_stack: BuiltStack) -> Iterator[Hosted]:
    """A host of the test's own; afterwards its log and its calls are looked at."""
    session = host_session(request.config)
    terms = terms_of(request.node)
    host = session.start()
    trial: Trial | None = None
    try:
        hosted = _watched(host, host_stack, request)
        if (trial := hosted.trial) is not None:
            trial.terms = terms
        request.node.stash[EVIDENCE] = _evidence(hosted, session)
        yield hosted
        if not request.node.stash.get(FAILED, False):
            audit(hosted)
    except BaseException:
        request.node.stash[FAILED] = True
        raise
    finally:
        if trial is not None:
            trial.close()
        host.stop()


def _watched(host: Host, built: BuiltStack, request: pytest.FixtureRequest) -> Hosted:
    file = host.machine.tap_file
    if file is None:
        return Hosted(host, None, None)
    tap = Tap(file, host.machine.check)
    tap.begin()
    trial = Trial(file, built) if request.config.getoption("cca_rules") else None
    if trial is not None:
        trial.begin()
    return Hosted(host, tap, trial)


def audit(hosted: Hosted) -> None:
    """Raise ``AlarmRaised``, ``HostUnclean`` or ``RuleBroken`` for what the test left."""
    host = hosted.host
    if host.machine.alive:
        host.machine.check()
        bad = [line for line in host.kernel_log(Level.DEBUG) if _complains(line.text)]
        if bad:
            shown = "\n".join(f"  {line}" for line in bad[:_SHOWN])
            raise HostUnclean(
                f"{len(bad)} lines of the kernel's log complain:\n{shown}",
                hint="the whole log is in the machine's folder, in host.log",
            )
    elif not host.dismissed:
        host.machine.alarms.check()
    if hosted.trial is not None:
        hosted.trial.check()


def _complains(text: str) -> bool:
    return any(word in text for word in _COMPLAINTS)


@pytest.fixture
def host(cca_hosted: Hosted) -> Host:
    """A booted Linux host, clean, for this test alone."""
    return cca_hosted.host


@pytest.fixture
def host_tap(request: pytest.FixtureRequest, cca_hosted: Hosted) -> Tap:
    """Every SMC on the host's machine since the test began."""
    if cca_hosted.tap is None:
        pytest.skip(f"no tap: {host_session(request.config).tap[1]}")
    return cca_hosted.tap
