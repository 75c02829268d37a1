# SPDX-License-Identifier: BSD-3-Clause
"""A realm that was launched on a host: its console, its evidence, its end.

The VMM's exit status proves nothing: after a guest's panic it is 0 as well. What counts is
what the guest showed and which calls the tap saw.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from harness.console import Console
from harness.errors import HarnessError, RealmError
from harness.launch.config import RealmConfig
from harness.launch.output import Said, read_output
from harness.launch.realm_run_output import Told, read_told
from harness.launch.words import Launcher
from harness.tap import Event, Return

_PROOF = ("RMI_REALM_CREATE", "RMI_REC_CREATE", "RMI_REALM_ACTIVATE", "RMI_REC_ENTER")
_CLOSE_TIMEOUT_S = 20.0
_NAMED_LINES = 120
"""A kernel's crash report has some 80 lines."""


class NotARealm(RealmError):
    """Nothing shows that a guest runs in a realm."""

    verdict = "assertion"


class RealmFailed(RealmError):
    """The guest or its VMM ended otherwise than it should have."""

    verdict = "assertion"


class Process(Protocol):
    """The VMM on its host (``harness.shell.RemoteProcess`` is one)."""

    @property
    def console(self) -> Console:
        """What it writes and reads."""

    @property
    def output(self) -> str:
        """The last of what it wrote."""

    def poll(self) -> int | None:
        """The exit status; None while it runs."""

    def wait(self, timeout_s: float) -> int:
        """Wait for its end."""

    def kill(self, signal: str = ...) -> None:
        """Send a signal to it and its children."""

    def close(self, timeout_s: float = ...) -> None:
        """Kill it if it runs, and wait for its end."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows that a guest is (or is not) a realm.

    ``calls`` counts the RMI calls that succeeded since the launch, None without a tap;
    ``rsi_version`` is what a Linux guest printed, ``names`` those of the addresses that its
    last lines have: an exception of the payload, a crash of a kernel.
    """

    calls: Mapping[str, int] | None
    rsi_version: str
    console_bytes: int
    names: tuple[str, ...] = ()

    @property
    def is_realm(self) -> bool:
        """Whether there is proof that no ordinary VM could give."""
        if self.calls is not None:
            return all(self.calls.get(name, 0) for name in _PROOF)
        return bool(self.rsi_version)

    @property
    def no_rmi(self) -> bool:
        """Whether the tap shows that no realm was made."""
        return self.calls is not None and not any(self.calls.get(name, 0) for name in _PROOF)

    def require(self) -> None:
        """Raise ``NotARealm`` unless there is proof."""
        if self.is_realm:
            return
        missing = [name for name in _PROOF if not (self.calls or {}).get(name, 0)]
        tap = "there is no tap" if self.calls is None else f"the tap has no {', '.join(missing)}"
        guest = "its console shows no RSI version" if not self.rsi_version else "RSI was seen"
        raise NotARealm(
            f"nothing proves that the guest is a realm: {tap}, {guest}"
            f" ({self.console_bytes} bytes of console output){_listed(self.names)}",
            hint="a prompt alone proves nothing: an ordinary VM has one too",
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended. ``status`` is the VMM's: 128 + N for death by signal N."""

    status: int
    said: Said

    @property
    def clean(self) -> bool:
        """Whether VMM and guest both ended as they should."""
        return self.status == 0 and not self.said.panic and not self.said.fatal


class RunningRealm:
    """One launched realm (or control VM). ``close`` ends it whatever happened."""

    def __init__(
        self,
        launcher: Launcher,
        config: RealmConfig,
        process: Process,
        events: Callable[[], Iterable[Event]] | None = None,
        names: Callable[[str], list[str]] | None = None,
    ) -> None:
        """Internal: ``names`` finds those of the realm's addresses in a text."""
        self.launcher = launcher
        self.config = config
        self.process = process
        self._events = events
        self._names = names

    @property
    def command(self) -> str:
        """The command line on the host."""
        return self.launcher.shown(self.config)

    @property
    def console(self) -> Console:
        """The realm's console, with the VMM's own lines in between."""
        return self.process.console

    @property
    def running(self) -> bool:
        """Whether the VMM still runs."""
        return self.process.poll() is None

    def expect(self, pattern: str | bytes, timeout_s: float) -> re.Match[bytes]:
        """Wait for a pattern on the realm's console. Raises as ``Console.expect`` does."""
        with self._naming():
            return self.process.console.expect(pattern, timeout_s)

    def send(self, text: str | bytes) -> None:
        """Type on the realm's console."""
        self.process.console.send(text)

    def said(self) -> Said:
        """What VMM and guest have said so far, as values."""
        return read_output(self.process.output)

    def told(self) -> Told:
        """What realm-run has told so far, as values."""
        return read_told(self.process.output)

    def events(self) -> list[Event]:
        """What the tap saw since the launch; empty without a tap."""
        return list(self._events()) if self._events is not None else []

    def evidence(self) -> Evidence:
        """What shows by now that this is a realm."""
        calls = succeeded(self._events()) if self._events is not None else None
        version, size = self.said().rsi_version, self.console.received_bytes
        return Evidence(calls, version, size, tuple(self.names()))

    def names(self) -> list[str]:
        """Function and source line for the addresses that the realm's last lines have."""
        return self._names(self.console.tail(_NAMED_LINES)) if self._names else []

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Errors in the block carry those names."""
        try:
            yield
        except HarnessError as problem:
            problem.message += _listed(self.names())
            raise

    def wait(self, timeout_s: float) -> Ended:
        """Wait until the VMM has ended. Raises as the shell does for one that does not."""
        with self._naming():
            status = self.process.wait(timeout_s)
        return Ended(status, self.said())

    def finish(self, timeout_s: float) -> Ended:
        """Wait for a clean end. Raises ``RealmFailed`` for any other."""
        ended = self.wait(timeout_s)
        if not ended.clean:
            why = ended.said.fatal or ended.said.panic or f"exit status {ended.status}"
            lines = "\n".join(f"  | {line}" for line in self.process.output.splitlines()[-10:])
            said = f"{self.launcher.name} did not end cleanly: {why}\n{lines}"
            raise RealmFailed(said + _listed(self.names()))
        return ended

    def kill(self, signal: str = "KILL") -> None:
        """Send the VMM a signal; no error if it has ended."""
        self.process.kill(signal)

    def close(self) -> None:
        """Kill the VMM if it runs and wait for its end. Idempotent."""
        self.process.close(_CLOSE_TIMEOUT_S)


def succeeded(events: Iterable[Event]) -> Counter[str]:
    """Count the RMI calls that succeeded, by name."""
    return Counter(
        event.name
        for event in events
        if isinstance(event, Return) and event.ok and event.name.startswith("RMI_")
    )


def _listed(names: Iterable[str]) -> str:
    """The names as lines of an error's text."""
    return "".join(f"\nin the realm: {name}" for name in names)
