# SPDX-License-Identifier: BSD-3-Clause
"""How many machines this host can run at once, and how busy it is.

A container's limits (cgroup v2) count, not what the hardware below has.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.stack import Stack

MIB = 1 << 20
WORKER_BYTES = 256 * MIB
"""What pytest and its caches take in a worker."""

BARE_METAL_BYTES = 768 * MIB
"""For a machine with firmware and the monitor, however much RAM it has (seen: 290 MiB), and a
Linux host beside it where tests want one (seen: 350 MiB)."""

LINUX_BYTES = 1536 * MIB
"""For a Linux host with its realms, if it has that much RAM."""

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
_PRESSURE = Path("/proc/pressure")
_BUSY_LOAD_PER_CPU = 2.5
_BUSY_STALLED_PERCENT = 60.0


@dataclass(frozen=True, slots=True)
class Host:
    """CPUs that we may use, and bytes of memory that can be had."""

    cpus: float
    memory_bytes: int

    @classmethod
    def here(cls, cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> Host:
        """This machine or container."""
        cpus = float(len(os.sched_getaffinity(0)))
        return cls(
            min(cpus, _cgroup_cpus(cgroup) or cpus),
            min(_available_bytes(meminfo), _cgroup_bytes(cgroup)),
        )


@dataclass(frozen=True, slots=True)
class Need:
    """What one worker with its machine takes: busy threads, and bytes of memory."""

    threads: int
    memory_bytes: int

    @classmethod
    def of(cls, stack: Stack) -> Need:
        """The need of a stack's machine and of the worker that drives it.

        PEs of the bare-metal monitor sleep until they are called: one thread is busy, QEMU's
        or the worker's.
        """
        machine = stack.machine
        if "kernel" in stack.components:
            taken = min(machine.memory_bytes, LINUX_BYTES)
            return cls(min(machine.cpus, 2), taken + WORKER_BYTES)
        return cls(1, min(machine.memory_bytes, BARE_METAL_BYTES) + WORKER_BYTES)


def workers(host: Host, need: Need) -> int:
    """How many fit, at least one. ``$CCA_JOBS`` overrides. Raises HarnessError."""
    own = os.environ.get("CCA_JOBS")
    if own:
        if not own.isdigit() or int(own) == 0:
            raise HarnessError(f"CCA_JOBS={own} is not a number of workers above 0")
        return int(own)
    return max(1, min(int(host.cpus / need.threads), host.memory_bytes // need.memory_bytes))


def load_now() -> dict[str, float]:
    """How busy the host is: CPUs, load of the last minute, percent of time stalled, free MiB.

    The load is of the whole host, whatever part of it is ours: ``host_cpus`` belong to it.
    """
    host = Host.here()
    return {
        "cpus": host.cpus,
        "host_cpus": os.cpu_count() or 1,
        "load": round(os.getloadavg()[0], 2),
        "cpu_stalled": _stalled_percent("cpu"),
        "memory_stalled": _stalled_percent("memory"),
        "free_mib": host.memory_bytes // MIB,
    }


def overloaded(load: dict[str, float]) -> str:
    """Why such a load explains a missed deadline, or "" if it does not."""
    cpus = load.get("host_cpus", load.get("cpus", 1))
    if load.get("load", 0) > _BUSY_LOAD_PER_CPU * cpus:
        return f"load {load['load']:g} on {cpus:g} CPUs"
    for kind in ("cpu", "memory"):
        percent = load.get(f"{kind}_stalled", 0)
        if percent > _BUSY_STALLED_PERCENT:
            return f"stalled for {kind} {percent:.0f} % of the time"
    return ""


def _available_bytes(meminfo: Path) -> int:
    """Caches that the kernel would give up included."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo.read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def _cgroup_cpus(cgroup: Path) -> float | None:
    words = _read(cgroup / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    return int(words[0]) / int(words[1])


def _cgroup_bytes(cgroup: Path) -> int:
    limit = _read(cgroup / "memory.max").strip()
    if not limit.isdigit():
        return 1 << 62
    used = int(_read(cgroup / "memory.current").strip() or 0)
    found = re.search(r"^inactive_file (\d+)$", _read(cgroup / "memory.stat"), re.MULTILINE)
    return max(0, int(limit) - used + (int(found[1]) if found else 0))


def _stalled_percent(kind: str) -> float:
    found = re.search(r"some avg10=([\d.]+)", _read(_PRESSURE / kind))
    return float(found[1]) if found else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
