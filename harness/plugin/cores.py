# SPDX-License-Identifier: BSD-3-Clause
"""A core a worker, where there are as many workers as cores.

Python and the boot PE of its machine take turns, so that one core is enough for both. Left
alone, the scheduler often has both halves of one pair work on the same core while those of
another wait on the next: measured on two cores with two workers, the bare-metal test cases
took 33 s without this and 30 s with it. A test that keeps several PEs busy, and all that
uses a Linux host, gets every core.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

_TASKS = Path("/proc")
_SEVERAL = frozenset({"second_pe", "game"})
"""Fixtures of tests that keep more than one PE busy."""


class OwnCore:
    """The core of one worker; ``None`` for one that may use all, and then does."""

    def __init__(self, number: int | None, every: frozenset[int]) -> None:
        self.number = number
        self.every = every
        self._kept: set[int] = set()

    @classmethod
    def of(cls, slot: int | None, workers: int, every: frozenset[int]) -> OwnCore:
        """The core of the worker in a slot among ``workers`` that may use the cores ``every``."""
        if slot is None or workers < len(every) or len(every) < 2:
            return cls(None, every)
        return cls(sorted(every)[slot % len(every)], every)

    def keep(self, pid: int, *, several: bool) -> None:
        """A test begins: it and the machine's process stay here, or may go anywhere again."""
        if self.number is None or not pid:
            return
        if several:
            self._kept.discard(pid)
            allow(pid, self.every)
            return
        _bind(0, {self.number})
        if pid not in self._kept:
            self._kept.add(pid)
            allow(pid, {self.number})

    def leave(self) -> None:
        """The test is over: what comes next may use all cores."""
        if self.number is not None:
            _bind(0, self.every)


def allow(pid: int, cores: set[int] | frozenset[int]) -> None:
    """Let all threads of a process run on these cores alone; nothing for one that is gone."""
    with suppress(OSError):  # the machine has ended
        for task in (_TASKS / str(pid) / "task").iterdir():
            _bind(int(task.name), cores)


def _bind(task: int, cores: set[int] | frozenset[int]) -> None:
    with suppress(OSError):  # the thread has ended, or the cores were taken from us
        os.sched_setaffinity(task, cores)


class Slots:
    """A slot for each worker; one that takes the place of a dead one gets its slot."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, worker: str) -> int:
        """Give the lowest free slot to a worker."""
        slot = next(n for n in itertools.count() if n not in self._taken.values())
        self._taken[worker] = slot
        return slot

    def give_back(self, worker: str) -> None:
        """A worker is gone; one without a slot is none of ours."""
        self._taken.pop(worker, None)


_CORE = pytest.StashKey[OwnCore]()
_SLOTS = pytest.StashKey[Slots]()
_WORKER_SLOT = "cca_core_slot"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker its slot."""
    slots = node.config.stash.setdefault(_SLOTS, Slots())
    node.workerinput[_WORKER_SLOT] = slots.take(node.gateway.id)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended; xdist says so before it starts another one for it."""
    node.config.stash.setdefault(_SLOTS, Slots()).give_back(node.gateway.id)


def own_core(config: pytest.Config) -> OwnCore:
    """The core of this worker."""
    if _CORE not in config.stash:
        told = getattr(config, "workerinput", {})
        slot, workers = told.get(_WORKER_SLOT), int(told.get("workercount", 0))
        config.stash[_CORE] = OwnCore.of(slot, workers, frozenset(os.sched_getaffinity(0)))
    return config.stash[_CORE]


def keep_core(item: pytest.Item, pid: int) -> None:
    """A test begins with the machine of that process."""
    several = not _SEVERAL.isdisjoint(getattr(item, "fixturenames", ()))
    own_core(item.config).keep(pid, several=several)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A test is over."""
    try:
        return (yield)
    finally:
        own_core(item.config).leave()
