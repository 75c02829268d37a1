# SPDX-License-Identifier: BSD-3-Clause
"""How many workers fit on a host, and when it counts as overloaded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import capacity
from harness.capacity import MIB, Host, Need, overloaded, workers
from harness.errors import HarnessError
from harness.stack import load_stack

GIB = 1 << 30


@pytest.fixture(autouse=True)
def _no_own_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCA_JOBS", raising=False)


@pytest.mark.parametrize(
    ("host", "need", "count"),
    [
        (Host(8, 64 * GIB), Need(1, GIB), 8),
        (Host(8, 3 * GIB), Need(1, GIB), 3),
        (Host(8, 64 * GIB), Need(2, 4 * GIB), 4),
        (Host(1, 0), Need(2, 4 * GIB), 1),
        (Host(2.5, 64 * GIB), Need(1, GIB), 2),
    ],
)
def test_workers_fit_cpus_and_memory(host: Host, need: Need, count: int) -> None:
    assert workers(host, need) == count


def test_own_number_of_workers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCA_JOBS", "7")
    assert workers(Host(1, 0), Need(1, GIB)) == 7


@pytest.mark.parametrize("jobs", ["x", "0", "-1"])
def test_number_of_workers_that_is_none_is_an_error(
    monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    monkeypatch.setenv("CCA_JOBS", jobs)
    with pytest.raises(HarnessError, match=f"CCA_JOBS={jobs} is not a number of workers above 0"):
        workers(Host(1, 0), Need(1, GIB))


def test_bare_metal_machine_needs_less_than_its_ram() -> None:
    need = Need.of(load_stack("embedded"))
    assert need.threads == 1
    assert need.memory_bytes == capacity.BARE_METAL_BYTES + capacity.WORKER_BYTES


def test_linux_host_needs_more_of_both() -> None:
    linux, bare = Need.of(load_stack("embedded-linux")), Need.of(load_stack("embedded"))
    assert linux == Need(2, capacity.LINUX_BYTES + capacity.WORKER_BYTES)
    assert linux.memory_bytes > bare.memory_bytes


def host_of(tmp_path: Path, **files: str) -> Host:
    for name, text in files.items():
        (tmp_path / name.replace("_", ".", 1)).write_text(text)
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  8000000 kB\nMemFree:   100000 kB\nMemAvailable:  6291456 kB\n")
    return Host.here(tmp_path, meminfo)


def test_memory_in_caches_is_available(tmp_path: Path) -> None:
    assert host_of(tmp_path).memory_bytes == 6 * GIB


def test_limits_of_a_container_count(tmp_path: Path) -> None:
    host = host_of(
        tmp_path,
        cpu_max="50000 100000\n",
        memory_max=f"{2 * GIB}\n",
        memory_current=f"{GIB}\n",
        memory_stat=f"anon 1\ninactive_file {256 * MIB}\n",
    )
    assert host == Host(0.5, GIB + 256 * MIB)


def test_container_without_limits_has_what_the_machine_has(tmp_path: Path) -> None:
    host = host_of(tmp_path, cpu_max="max 100000\n", memory_max="max\n")
    assert host.memory_bytes == 6 * GIB
    assert host.cpus >= 1


@pytest.mark.parametrize(
    ("load", "why"),
    [
        ({}, ""),
        ({"load": 4.0, "cpus": 2, "cpu_stalled": 50.0}, ""),
        ({"load": 9.5, "cpus": 2}, "load 9.5 on 2 CPUs"),
        ({"load": 9.5, "cpus": 2, "host_cpus": 8}, ""),
        ({"load": 20.5, "cpus": 2, "host_cpus": 8}, "load 20.5 on 8 CPUs"),
        ({"load": 1.0, "cpus": 2, "memory_stalled": 71.2}, "stalled for memory 71 % of the time"),
    ],
)
def test_overload_has_a_reason(load: dict[str, float], why: str) -> None:
    assert overloaded(load) == why


def test_load_of_this_host_is_known() -> None:
    load = capacity.load_now()
    assert load["cpus"] > 0
    assert load["host_cpus"] == os.cpu_count()
    assert load["free_mib"] > 0
