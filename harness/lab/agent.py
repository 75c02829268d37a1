# SPDX-License-Identifier: BSD-3-Clause
"""The process that holds a lease: ``python -m harness.lab.agent``, one for each leased place.

It talks to labgrid's coordinator and power switches, and to its session over stdin and stdout
(``harness.lab.words``). It is not tied to the life of the session, on the contrary: when its
input ends, however the session ended, it switches the board off, gives the place back, ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labgrid import Environment
from labgrid.exceptions import InvalidConfigError, NoConfigFoundError

from harness.errors import HarnessError
from harness.lab import power, words
from harness.lab import session as lab
from harness.lab.faults import LabFault, LabSettingsError
from harness.lab.owner import host_name, user_name
from harness.lab.settings import LabSettings

_GIVE_BACK_S = 60.0
_SWITCH_OFF_S = 20.0
_DEPLOY_S = 600.0
_DEFAULT_ADDRESS = "127.0.0.1:20408"

Say = Callable[[words.Message], None]


class Inbox:
    """The session's lines, read by a thread; None is their end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lines: asyncio.Queue[words.Message | None] = asyncio.Queue()
        self._loop = loop
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in sys.stdin.buffer:
                self._put(words.decode(line))
        self._put(None)

    def _put(self, message: words.Message | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.lines.put_nowait, message)


class Lease:
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


def read_environment(path: str) -> tuple[Any, LabSettings, str]:
    """Read a lab's file: labgrid's environment, our section, the coordinator's address.

    Raises ``LabSettingsError``.
    """
    try:
        env = Environment(path)
    except (InvalidConfigError, NoConfigFoundError, OSError) as problem:
        raise LabSettingsError(f"--lab {path}: {problem}") from problem
    except (TypeError, AttributeError) as problem:  # labgrid takes the file's shape for granted
        raise LabSettingsError(
            f"--lab {path}: is not a labgrid environment file: {problem}",
            hint="a mapping with options: and cca:, see docs/lab.md",
        ) from problem
    settings = LabSettings.parse(env.config.data.get("cca"), f"--lab {path}: cca")
    address = os.environ.get("LG_COORDINATOR") or _DEFAULT_ADDRESS
    return env, settings, str(env.config.get_option("coordinator_address", address))


async def run(say: Say) -> None:
    """Serve one session. Raises ``HarnessError`` before there is a lease."""
    inbox = Inbox(asyncio.get_running_loop())
    order = await inbox.lines.get()
    if order is None:
        return
    env, settings, address = read_environment(order["env"])
    session = await lab.connect(address)
    try:
        stale = await _tidy_up(session, settings, env)
        if order[words.ASK] == words.CHECK:
            fit = lab.matching(session, settings)
            busy = {name: why for name in fit if (why := lab.why_not(session, name, settings))}
            say(
                {
                    "event": words.PLACES,
                    "places": fit,
                    "busy": busy,
                    "without": settings.without,
                    "stale": stale,
                }
            )
            return
        await _lease(session, settings, env, order, inbox, say)
    finally:
        await lab.disconnect(session)


async def _tidy_up(session: lab.Session, settings: LabSettings, env: Any) -> list[str]:
    """Release what dead agents of this machine held, and switch it off; returns the places."""
    places = await lab.release_stale(session)
    for place in places:
        if await lab.take(session, place):
            lease = Lease(session, place, settings, env)
            try:
                with contextlib.suppress(Exception):  # a board may lack anything by now
                    await lease.describe()
            finally:
                await lease.give_back()
    if places:
        await session.sync_with_coordinator()
    return places


async def _lease(
    session: lab.Session,
    settings: LabSettings,
    env: Any,
    order: words.Message,
    inbox: Inbox,
    say: Say,
) -> None:
    ended = asyncio.ensure_future(inbox.lines.get())  # nothing is said before the lease but "end"
    avoid = AvoidFolder(order.get("avoid", ""))
    taking = asyncio.ensure_future(lab.acquire(session, settings, avoid))
    await asyncio.wait({ended, taking}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        taking.cancel()
        with contextlib.suppress(asyncio.CancelledError, HarnessError):
            await lab.release(session, await taking, lab.my_name(session))
        return
    lease = Lease(session, taking.result(), settings, env)
    watching: asyncio.Future[None] | None = None
    try:
        say(await lease.describe())
        watching = asyncio.ensure_future(lease.watch(say))
        message = await ended
        while message is not None:
            say(await _answer(lease, message))
            message = await inbox.lines.get()
    finally:
        if watching is not None:
            watching.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lease.give_back(), _GIVE_BACK_S)


async def _answer(lease: Lease, message: words.Message) -> words.Message:
    try:
        await lease.do(message)
    except LabFault as fault:
        return _refusal(fault)
    return {"event": words.DONE}


def _refusal(error: HarnessError) -> words.Message:
    return {
        "event": words.REFUSED,
        "kind": type(error).__name__,
        "why": error.message,
        "hint": error.hint,
        "place": getattr(error, "place", ""),
        "broken": getattr(error, "broken", False),
    }


class AvoidFolder:
    """Names of places to leave alone: files of a folder, younger than ``keep_s`` seconds."""

    keep_s = 600.0

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __call__(self) -> Sequence[str]:
        """Return the names now."""
        if not self._folder:
            return ()
        oldest_s = time.time() - self.keep_s
        with contextlib.suppress(OSError):
            return [p.name for p in Path(self._folder).iterdir() if p.stat().st_mtime > oldest_s]
        return ()


def main() -> int:
    """Run as a process; what libraries print goes to stderr, stdout is the session's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["LG_HOSTNAME"], os.environ["LG_USERNAME"] = host_name(), user_name()
    voice = os.dup(1)
    os.dup2(2, 1)

    def say(message: words.Message) -> None:
        with contextlib.suppress(OSError):  # nobody listens: the input will end as well
            os.write(voice, words.encode(message))

    try:
        asyncio.run(run(say))
    except HarnessError as error:
        say(_refusal(error))
    sys.stdout.flush()
    # Threads of libraries may wait for a board that is gone; nobody waits for them.
    os._exit(0)


if __name__ == "__main__":
    main()
