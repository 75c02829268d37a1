# SPDX-License-Identifier: BSD-3-Clause
"""The session's side of a lease: starts the agent, asks it, hears when the place is lost."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.errors import HarnessError
from harness.lab import words
from harness.lab.faults import LabFault, LabSettingsError, NoPlace
from harness.lab.transport import SerialPort

_ANSWER_S = 900.0
_CHECK_S = 60.0
_GIVE_BACK_S = 90.0
_TAIL_BYTES = 4096

_KINDS: Mapping[str, type[HarnessError]] = {
    kind.__name__: kind for kind in (LabFault, NoPlace, LabSettingsError)
}


@dataclass(frozen=True, slots=True)
class LeaseOrder:
    """What an agent is started with: the lab's file, places to avoid (a folder), its log."""

    env: Path
    avoid: Path
    log: Path


@dataclass(frozen=True, slots=True)
class SshService:
    """Where a board's SSH server is; ``key`` is a private key's file, ``host_key`` base64."""

    address: str
    port: int
    username: str
    key: str
    host_key: str


@dataclass(frozen=True, slots=True)
class LabPlaces:
    """What a look at the lab showed: places with the tags, why some cannot be had now."""

    places: tuple[str, ...]
    busy: Mapping[str, str]
    without: frozenset[str]
    """Capabilities that the boards lack, as the lab's file says."""


class _Agent:
    """The agent's process; a thread reads what it says."""

    def __init__(self, log: Path | None) -> None:
        if importlib.util.find_spec("labgrid") is None:
            raise LabSettingsError(
                "--lab needs labgrid, which is not installed",
                hint="pip install 'cca-harness[lab]'; scripts/regress does it by itself",
            )
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
        # Without a name there is nothing that a killed run could leave behind.
        self._errors = log.open("ab+") if log is not None else tempfile.TemporaryFile()  # noqa: SIM115
        # A session of its own: Ctrl-C and the end of pytest must not reach it before
        # the place is given back. It ends when its input does.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.lab.agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        self.hint = f"its log: {log}" if log is not None else ""
        self.heard: queue.SimpleQueue[words.Message | None] = queue.SimpleQueue()
        self.on_lost: Callable[[words.Message], None] = lambda _: None
        self._reader = threading.Thread(target=self._read, name="lab-agent", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self.process.stdout:
                message = words.decode(line)
                if message[words.EVENT] == words.LOST:
                    self.on_lost(message)
                else:
                    self.heard.put(message)
        self.on_lost({"why": f"the lab's agent ended; {self.hint}", "broken": False})
        self.heard.put(None)

    def ask(self, message: Mapping[str, object], timeout_s: float | None) -> words.Message:
        """Send a line and return the answer. Raises what the agent says is wrong."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(words.encode(message))
            self.process.stdin.flush()
            answer = self.heard.get(timeout=timeout_s)
        except (OSError, ValueError):
            answer = None
        except queue.Empty:
            raise LabFault(
                f"the lab's agent did not answer within {timeout_s} s\n{self.tail()}",
                hint=self.hint,
            ) from None
        if answer is None:
            raise LabFault(
                f"the lab's agent ended (status {self.process.poll()})\n{self.tail()}",
                hint=self.hint,
            )
        if answer[words.EVENT] == words.REFUSED:
            raise _error(answer)
        return answer

    def tail(self) -> str:
        """The last lines of the agent's log."""
        with contextlib.suppress(OSError, ValueError):
            size = os.fstat(self._errors.fileno()).st_size
            raw = os.pread(self._errors.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
            text = raw.decode("utf-8", "backslashreplace").rstrip()
            return "\n".join(f"  | {line}" for line in text.split("\n")[-10:])
        return ""

    def end(self, timeout_s: float) -> None:
        """End its input, wait until the place is given back."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(1.0)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()


def _error(answer: words.Message) -> HarnessError:
    kind = _KINDS.get(answer["kind"], LabFault)
    if issubclass(kind, LabFault):
        return kind(
            answer["why"], hint=answer["hint"], place=answer["place"], broken=answer["broken"]
        )
    return kind(answer["why"], hint=answer["hint"])


class Lease:
    """A leased place. ``fault`` is set, and ``on_fault`` called, as soon as it is lost."""

    def __init__(self, agent: _Agent, facts: words.Message) -> None:
        """Internal: use ``take``."""
        self.place: str = facts["place"]
        self.owner: str = facts["owner"]
        self.boot_timeout_s: float = facts["boot_timeout_s"]
        self.alive_s: float = facts["alive_s"]
        self.ports = {name: SerialPort(**port) for name, port in facts["consoles"].items()}
        self.ssh = SshService(**facts["ssh"]) if facts["ssh"] else None
        self.fault: LabFault | None = None
        self.on_fault: Callable[[], None] = lambda: None
        self._agent = agent
        self._ended = False

    @classmethod
    def take(cls, order: LeaseOrder) -> Self:
        """Wait for a place and take it. Raises ``NoPlace``, ``LabFault``, ``LabSettingsError``."""
        agent = _Agent(order.log)
        lost: list[words.Message] = []
        agent.on_lost = lost.append
        ask = {words.ASK: words.LEASE, "env": str(order.env), "avoid": str(order.avoid)}
        try:
            lease = cls(agent, agent.ask(ask, timeout_s=None))
        except BaseException:
            agent.end(_GIVE_BACK_S)
            raise
        agent.on_lost = lease._lose
        for message in lost:
            lease._lose(message)
        return lease

    def _lose(self, message: words.Message) -> None:
        if self._ended or self.fault is not None:
            return
        self.fault = LabFault(
            f"place {self.place} was lost: {message['why']}",
            hint="the test says nothing about the stack; it runs again on another place",
            place=self.place,
            broken=message["broken"],
        )
        self.on_fault()

    def ask(self, what: str, **facts: object) -> None:
        """Have the agent do something and wait for it. Raises ``LabFault``."""
        if self.fault is not None:
            raise self.fault
        self._agent.ask({words.ASK: what, **facts}, _ANSWER_S)

    def end(self) -> bool:
        """Give the place back, switched off; tell whether the agent lived to do it. Idempotent."""
        if not self._ended:
            self._ended = True
            self._agent.end(_GIVE_BACK_S)
        return self._agent.process.returncode == 0


def check_lab(env: Path, log: Path | None = None) -> LabPlaces:
    """Read the lab's file and look at the lab; also releases what dead agents of here held.

    Raises ``LabSettingsError``, ``NoPlace``, ``LabFault``.
    """
    agent = _Agent(log)
    try:
        seen = agent.ask({words.ASK: words.CHECK, "env": str(env)}, _CHECK_S)
    finally:
        agent.end(_CHECK_S)
    return LabPlaces(tuple(seen["places"]), seen["busy"], frozenset(seen["without"]))
