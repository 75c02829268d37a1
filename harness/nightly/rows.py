# SPDX-License-Identifier: BSD-3-Clause
"""What the history keeps: nights, their cells, what tests did, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NightRow:
    """A night. ``state`` is running, done or interrupted; times are seconds since the epoch.

    ``facts`` say where it ran and what it ran on: host, commit, folder, budget, complaints.
    """

    id: str
    started_s: float
    seed: int
    facts: Mapping[str, Any]
    finished_s: float | None = None
    state: str = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """A cell of a night.

    ``state``: pending, running, ran (its failures are not yet run again), done, stopped (its
    budget was used up), not run, or error (nothing was tested, ``message`` says why). One that
    was interrupted is pending again; one that was killed stays running.
    """

    night: str
    name: str
    axes: Mapping[str, str]
    state: str = "pending"
    used_s: float = 0.0
    attempts: int = 0
    planned: int = 0
    message: str = ""
    stack_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    covered: int = 0
    reachable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """A test in a cell of a night; ``kind`` and ``why`` are the ledger's ruling of a failure.

    ``outcome`` is passed, failed, skipped, xfailed or not run. ``folder`` and ``timeline`` are
    relative to the night's folder. ``reruns`` are outcomes, ``quarantine`` is why a failure
    does not count.
    """

    night: str
    cell: str
    test: str
    outcome: str
    phase: str = ""
    duration_s: float = 0.0
    start_s: float = 0.0
    worker: str = ""
    verdict: str = ""
    text: str = ""
    folder: str = ""
    timeline: str = ""
    again: str = ""
    kind: str = ""
    why: str = ""
    reruns: tuple[str, ...] = ()
    quarantine: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """A figure of a night."""

    night: str
    stack: str
    name: str
    unit: str
    median: float
    samples: tuple[float, ...]
