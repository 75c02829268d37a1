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
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labgrid import Environment
from labgrid.exceptions import InvalidConfigError, NoConfigFoundError

from harness.errors import HarnessError
from harness.lab import session as lab
from harness.lab import words
from harness.lab.faults import LabFault, LabSettingsError
from harness.lab.holding import Holding, Say
from harness.lab.owner import host_name, user_name
from harness.lab.settings import LabSettings

_GIVE_BACK_S = 60.0
_DEFAULT_ADDRESS = "127.0.0.1:20408"


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
            holding = Holding(session, place, settings, env)
            try:
                with contextlib.suppress(Exception):  # a board may lack anything by now
                    await holding.describe()
            finally:
                await holding.give_back()
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
    holding = Holding(session, taking.result(), settings, env)
    watching: asyncio.Future[None] | None = None
    try:
        say(await holding.describe())
        watching = asyncio.ensure_future(holding.watch(say))
        message = await ended
        while message is not None:
            say(await _answer(holding, message))
            message = await inbox.lines.get()
    finally:
        if watching is not None:
            watching.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(holding.give_back(), _GIVE_BACK_S)


async def _answer(holding: Holding, message: words.Message) -> words.Message:
    try:
        await holding.do(message)
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
