# SPDX-License-Identifier: BSD-3-Clause
"""labgrid's client session, with what a lease needs: find, take, watch and give back a place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from random import shuffle
from typing import Any

import grpc
from labgrid.remote.client import ClientSession, ServerError
from labgrid.remote.generated import labgrid_coordinator_pb2 as messages
from labgrid.util.proxy import proxymanager

from harness.lab.faults import NoPlace
from harness.lab.owner import is_stale
from harness.lab.settings import LabSettings

_CONNECT_S = 10.0
_LOOK_AGAIN_S = 1.0
_SERIAL = "NetworkSerialPort"


class Session(ClientSession):  # type: ignore[misc]
    """A connection to the coordinator; ``changed`` is set whenever it tells anything new."""

    changed: asyncio.Event

    async def on_resource_changed(self, *what: Any) -> None:
        """See labgrid."""
        await super().on_resource_changed(*what)
        self.changed.set()

    async def on_place_changed(self, place: Any) -> None:
        """See labgrid."""
        await super().on_place_changed(place)
        self.changed.set()

    async def on_place_deleted(self, name: str) -> None:
        """See labgrid."""
        await super().on_place_deleted(name)
        self.changed.set()


async def connect(address: str) -> Session:
    """Connect to a coordinator. Raises ``NoPlace``."""
    target = proxymanager.get_grpc_address(address, default_port=20408)
    session = Session(target, asyncio.get_running_loop())
    session.changed = asyncio.Event()
    try:
        await asyncio.wait_for(session.start(), _CONNECT_S)
    except (ServerError, TimeoutError) as problem:
        raise NoPlace(
            f"the lab's coordinator at {address} does not answer",
            hint="is labgrid-coordinator running there? see options: coordinator_address",
        ) from problem
    session.pump_task.add_done_callback(lambda _: session.changed.set())
    return session


async def disconnect(session: Session) -> None:
    """End the connection; never raises."""
    with contextlib.suppress(Exception):
        session.stopping.set()
        await asyncio.wait_for(session.stop(), _CONNECT_S)
        await asyncio.wait_for(session.close(), _CONNECT_S)


def my_name(session: Session) -> str:
    """The owner that the coordinator sees in this session."""
    return f"{session.gethostname()}/{session.getuser()}"


async def release_stale(session: Session) -> list[str]:
    """Release what agents of this machine held that are gone; returns the places."""
    released = []
    for name, place in list(session.places.items()):
        if place.acquired and is_stale(place.acquired):
            await release(session, name, place.acquired)
            released.append(name)
    if released:
        await session.sync_with_coordinator()
    return released


async def release(session: Session, place: str, owner: str) -> None:
    """Release a place if ``owner`` holds it; does nothing if somebody else does."""
    request = messages.ReleasePlaceRequest(placename=place, fromuser=owner)
    for attempt in range(5):
        try:
            await session.stub.ReleasePlace(request)
        except grpc.aio.AioRpcError:
            if attempt == 4:
                raise
            await asyncio.sleep(0.5)  # its exporter has just gone: the coordinator is at it
        else:
            return


def matching(session: Session, settings: LabSettings) -> list[str]:
    """Names of the places with the wanted tags, free or not; ``name`` counts as a tag."""
    wanted = set(settings.tags.items())
    return sorted(
        name
        for name, place in session.places.items()
        if wanted <= set(place.tags.items()) | {("name", name)}
    )


def why_not(session: Session, name: str, settings: LabSettings) -> str:
    """Why a place cannot be taken now; nothing if it can."""
    place = session.places[name]
    if place.acquired:
        return f"acquired by {place.acquired}"
    if place.reservation:
        return f"reserved ({place.reservation})"
    there = {n for n, cls, avail in resources(session, name) if cls == _SERIAL and avail}
    lacking = sorted(set(settings.consoles.values()) - there)
    return f"its exporter offers no serial port {', '.join(lacking)}" if lacking else ""


def resources(session: Session, place_name: str) -> list[tuple[str, str, bool]]:
    """Name, class and availability of what belongs to a place now."""
    place = session.places[place_name]
    found = []
    for exporter, groups in session.resources.items():
        for group, entries in groups.items():
            for name, entry in entries.items():
                if "cls" not in entry.data:  # was withdrawn
                    continue
                match = place.getmatch((exporter, group, entry.cls, name))
                if match is not None:
                    found.append((match.rename or name, entry.cls, bool(entry.avail)))
    return found


async def acquire(
    session: Session, settings: LabSettings, avoid: Callable[[], Sequence[str]]
) -> str:
    """Wait for a free place and take it; returns its name.

    Raises ``NoPlace`` if no place has the tags, all of them are to be avoided, or none was free
    within ``wait_s``. If it is cancelled in the middle of taking a place, that is given back.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + settings.wait_s
    while True:
        session.changed.clear()
        left_out = avoid()
        fit = matching(session, settings)
        names = [name for name in fit if name not in left_out]
        if not names:
            raise _nothing_fits(settings, fit)
        shuffle(names)
        for name in names:
            if not why_not(session, name, settings) and await take(session, name):
                return name
        if session.stopping.is_set():
            raise NoPlace("the lab's coordinator went away while a place was waited for")
        left_s = until - loop.time()
        if left_s <= 0:
            raise _none_free(session, settings, names)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.changed.wait(), min(left_s, _LOOK_AGAIN_S))
        await asyncio.sleep(0.05)


async def take(session: Session, name: str) -> bool:
    """Take a place; tell whether that was possible."""
    try:
        await session.stub.AcquirePlace(messages.AcquirePlaceRequest(placename=name))
    except grpc.aio.AioRpcError:
        return False  # somebody was faster, or the exporter refused
    except asyncio.CancelledError:
        await release(session, name, my_name(session))
        raise
    await session.sync_with_coordinator()
    return True


def _tags(settings: LabSettings) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.tags.items()) or "(none)"


def _nothing_fits(settings: LabSettings, fit: Sequence[str]) -> NoPlace:
    if fit:
        return NoPlace(
            f"every place of the lab with tags {_tags(settings)} failed in this run:"
            f" {', '.join(fit)}",
            hint="the lab faults above say how each of them did",
        )
    return NoPlace(
        f"no place of the lab has the tags {_tags(settings)}",
        hint="`labgrid-client places` lists them, `labgrid-client -p PLACE set-tags` sets tags",
    )


def _none_free(session: Session, settings: LabSettings, names: Sequence[str]) -> NoPlace:
    reasons = [f"  {name}: {why_not(session, name, settings) or 'free now'}" for name in names]
    return NoPlace(
        "\n".join([f"no place was free within {settings.wait_s:g} s:", *reasons]),
        hint="wait for longer with wait_s of the lab's file, or run with fewer workers (-n)",
    )


def trouble(session: Session, name: str) -> tuple[str, bool]:
    """Why a place is no longer ours as it was, and whether the board is the reason; or ""."""
    if session.stopping.is_set():
        return "the coordinator went away, and the lease with it", False
    place = session.places.get(name)
    if place is None:
        return "the place was deleted", False
    if place.acquired != my_name(session):
        if place.acquired is None:
            return "somebody else released the place", False
        return f"{place.acquired} has taken the place over", False
    there = {(n, cls) for n, cls, avail in resources(session, name) if avail}
    for path in place.acquired_resources:
        match = place.getmatch(path)
        own = ((match.rename if match else None) or path[3], path[2])
        if own not in there:
            return f"exporter {path[0]} no longer offers {own[1]} {own[0]!r}", True
    return "", False
