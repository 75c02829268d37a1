# SPDX-License-Identifier: BSD-3-Clause
"""The agent's side of a lease: the place while it is held, its power switch, what is put on it."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import subprocess
import time
from collections.abc import Callable
from typing import Any

from harness.lab import power, words
from harness.lab import session as lab
from harness.lab.faults import LabFault
from harness.lab.settings import LabSettings

_SWITCH_OFF_S = 20.0
_DEPLOY_S = 600.0

Say = Callable[[words.Message], None]
"""Tells the session something."""


class Holding:
    """A place that is ours, or was."""

    def __init__(self, session: lab.Session, place: str, settings: LabSettings, env: Any) -> None:
        self.session, self.place, self.settings = session, place, settings
        self.lost = ""
        self._env = env
        self._target: Any = None
        self._power: Any = None
        self._off_s = 0.0

    async def describe(self) -> words.Message:
        """What the session has to know of the place. Raises ``LabFault``."""
        self._target = await asyncio.to_thread(
            power.make_target, self.session, self.place, self._env
        )
        self._power = await asyncio.to_thread(power.power_driver, self._target)
        ports = await asyncio.to_thread(power.serial_ports, self._target)
        lacking = [name for name in self.settings.consoles.values() if name not in ports]
        if lacking:
            raise LabFault(
                f"place {self.place} has no serial port {', '.join(lacking)}",
                place=self.place,
                broken=True,
            )
        return {
            "event": words.LEASED,
            "place": self.place,
            "owner": lab.my_name(self.session),
            "consoles": {name: ports[port] for name, port in self.settings.consoles.items()},
            "ssh": self._ssh(),
            "boot_timeout_s": self.settings.boot_timeout_s,
            "alive_s": self.settings.alive_s,
        }

    def _ssh(self) -> words.Message | None:
        service, own = power.ssh_service(self._target), self.settings.ssh
        if service is None or not own:
            return None
        key = self._env.config.resolve_path(own["key"])
        return {**service, "key": key, "host_key": own["host_key"]}

    async def watch(self, say: Say) -> None:
        """Tell the session as soon as the place is no longer ours, or no longer whole."""
        while not self.lost:
            self.session.changed.clear()
            why, broken = lab.trouble(self.session, self.place)
            if why:
                self.lost = why
                say({"event": words.LOST, "why": why, "broken": broken})
                return
            await self.session.changed.wait()

    async def do(self, message: words.Message) -> None:
        """Do what the session asks. Raises ``LabFault``."""
        if self.lost:
            raise LabFault(f"place {self.place} is not leased any more: {self.lost}")
        what = message.get(words.ASK)
        if what == words.DEPLOY:
            await asyncio.to_thread(self._deploy, message.get("files", {}))
        elif what in (words.POWER_ON, words.POWER_OFF):
            await asyncio.to_thread(self._switch, on=what == words.POWER_ON)
        else:
            raise LabFault(f"the agent does not know how to {what!r}")

    def _switch(self, *, on: bool) -> None:
        if on:
            time.sleep(max(0.0, self._off_s + self.settings.off_s - time.monotonic()))
        try:
            (self._power.on if on else self._power.off)()
        except Exception as problem:
            raise LabFault(
                f"place {self.place}: its power cannot be switched {'on' if on else 'off'}: "
                f"{problem}",
                hint="is the power switch up? labgrid-client -p PLACE power get",
                place=self.place,
                broken=True,
            ) from problem
        if not on:
            self._off_s = time.monotonic()

    def _deploy(self, files: dict[str, str]) -> None:
        if not self.settings.deploy:
            return
        command = self.settings.deploy.format(place=self.place, **files)
        try:
            done = subprocess.run(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_DEPLOY_S,
                check=False,
            )
            said, failed = f"{done.stdout}{done.stderr}".strip(), done.returncode != 0
        except (OSError, subprocess.TimeoutExpired, ValueError) as problem:
            said, failed = str(problem), True
        if failed:
            raise LabFault(
                f"place {self.place}: deploy failed: {command}\n{said}",
                hint="the command stands in the lab's file under cca: deploy:",
                place=self.place,
                broken=True,
            )

    async def give_back(self) -> None:
        """Switch the board off and release the place, if it is still ours."""
        if self.session.stopping.is_set():
            return
        own = self.session.places.get(self.place)
        if own is not None and own.acquired == lab.my_name(self.session):
            with contextlib.suppress(Exception):  # a switch that hangs must not keep the place
                if self._power is not None:
                    await asyncio.wait_for(asyncio.to_thread(self._switch, on=False), _SWITCH_OFF_S)
        with contextlib.suppress(Exception):
            await lab.release(self.session, self.place, lab.my_name(self.session))
