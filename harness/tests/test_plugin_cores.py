# SPDX-License-Identifier: BSD-3-Clause
"""Which core a worker keeps to, and when it may use all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.plugin.cores import OwnCore

ALL = frozenset({2, 3, 5})


@pytest.mark.parametrize(
    ("worker", "workers", "core"),
    [("gw0", 3, 2), ("gw1", 3, 3), ("gw2", 4, 5), ("gw3", 4, 2), ("gw0", 2, None), ("", 0, None)],
)
def test_as_many_workers_as_cores_have_one_each(
    worker: str, workers: int, core: int | None
) -> None:
    assert OwnCore.of(worker, workers, ALL).number == core


def test_there_is_nothing_to_share_out_with_one_core() -> None:
    assert OwnCore.of("gw0", 2, frozenset({0})).number is None


@pytest.fixture
def every() -> Iterator[frozenset[int]]:
    """What this thread may use, given back afterwards."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("this machine has one core")
    yield frozenset(before)
    os.sched_setaffinity(0, before)


@pytest.fixture
def machine() -> Iterator[int]:
    """A process that stands for QEMU."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_test_and_machine_stay_on_the_core_until_the_test_is_over(
    every: frozenset[int], machine: int
) -> None:
    core = OwnCore(min(every), every)
    core.keep(machine, several=False)
    assert os.sched_getaffinity(0) == os.sched_getaffinity(machine) == {min(every)}
    core.leave()
    assert os.sched_getaffinity(0) == every
    assert os.sched_getaffinity(machine) == {min(every)}


def test_a_test_with_several_pes_gets_all_and_the_next_one_the_core_again(
    every: frozenset[int], machine: int
) -> None:
    core = OwnCore(min(every), every)
    core.keep(machine, several=False)
    core.leave()
    core.keep(machine, several=True)
    assert os.sched_getaffinity(0) == os.sched_getaffinity(machine) == every
    core.leave()
    core.keep(machine, several=False)
    assert os.sched_getaffinity(machine) == {min(every)}


def test_who_has_no_core_changes_nothing(every: frozenset[int], machine: int) -> None:
    core = OwnCore(None, every)
    core.keep(machine, several=False)
    assert os.sched_getaffinity(0) == os.sched_getaffinity(machine) == every


def test_a_machine_that_has_ended_is_no_error(every: frozenset[int]) -> None:
    core = OwnCore(min(every), every)
    core.keep(1 << 30, several=False)
    assert os.sched_getaffinity(0) == {min(every)}
