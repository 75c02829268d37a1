# SPDX-License-Identifier: BSD-3-Clause
"""Which core a worker keeps to, and when it may use all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.plugin.cores import OwnCore, Slots

ROOT = Path(__file__).resolve().parents[2]
ALL = frozenset({2, 3, 5})


@pytest.mark.parametrize(
    ("slot", "workers", "core"),
    [(0, 3, 2), (1, 3, 3), (2, 4, 5), (3, 4, 2), (0, 2, None), (None, 0, None)],
)
def test_as_many_workers_as_cores_have_one_each(
    slot: int | None, workers: int, core: int | None
) -> None:
    assert OwnCore.of(slot, workers, ALL).number == core


def test_there_is_nothing_to_share_out_with_one_core() -> None:
    assert OwnCore.of(0, 2, frozenset({0})).number is None


def test_slot_of_a_dead_worker_is_that_of_the_next_one() -> None:
    slots = Slots()
    assert [slots.take(worker) for worker in ("gw0", "gw1", "gw2")] == [0, 1, 2]
    slots.give_back("gw1")
    slots.give_back("gw2")
    slots.give_back("unknown")
    assert [slots.take(worker) for worker in ("gw3", "gw4", "gw5")] == [1, 2, 3]


CONFTEST = """
import os
from pathlib import Path

def pytest_configure(config):
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is not None:
        slot = str(config.workerinput["cca_core_slot"])
        (Path(__file__).parent / f"{worker}.slot").write_text(slot)
"""
TESTS = """
import os
import time
from pathlib import Path

import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    if os.environ["PYTEST_XDIST_WORKER"] == "gw1":
        os._exit(1)
    end_s = time.monotonic() + 120
    while not (Path(__file__).parent / "gw2.slot").exists() and time.monotonic() < end_s:
        time.sleep(0.02)
"""


def test_replacement_of_a_worker_has_its_slot(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "harness.plugin.cores"]
    command += ["-p", "xdist", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]
    env = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=False)
    slots = {file.stem: file.read_text() for file in tmp_path.glob("*.slot")}
    assert slots == {"gw0": "0", "gw1": "1", "gw2": "1"}


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
