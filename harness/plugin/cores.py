# SPDX-License-Identifier: BSD-3-Clause
"""A core a worker, where there are as many workers as cores.

Python and the boot PE of its machine take turns, so that one core is enough for both. Left
alone, the scheduler often has both halves of one pair work on the same core while those of
another wait on the next: measured on two cores with two workers, the bare-metal test cases
took 33 s without this and 30 s with it. A test that keeps several PEs busy, and all that
uses a Linux host, gets every core.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
    def of(cls, worker: str, workers: int, every: frozenset[int]) -> OwnCore:
        """The core of worker ``gw3`` among ``workers`` that may use the cores ``every``."""
        if not worker.startswith("gw") or workers < len(every) or len(every) < 2:
            return cls(None, every)
        return cls(sorted(every)[int(worker[2:]) % len(every)], every)

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


_CORE = pytest.StashKey[OwnCore]()


def own_core(config: pytest.Config) -> OwnCore:
    """The core of this worker."""
    if _CORE not in config.stash:
        workers = int(getattr(config, "workerinput", {}).get("workercount", 0))
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        config.stash[_CORE] = OwnCore.of(worker, workers, frozenset(os.sched_getaffinity(0)))
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
