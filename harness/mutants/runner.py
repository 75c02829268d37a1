# SPDX-License-Identifier: BSD-3-Clause
"""Runs a portion of the test cases in a pytest of its own and says what failed, and how."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.errors import HarnessError

_LOG_LINES = 30
_FAILED = (1, 2)
"""Tests failed; stopped at the first, or before any test because files cannot be read."""
_OK_STATUSES = (0, *_FAILED, 5)
"""5: nothing was selected."""
_NOT_FOUND = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed: node id, phase, the report's text."""

    test: str
    phase: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What one pytest did: tests that failed, how many ended, whether time ran out."""

    failures: tuple[Failure, ...] = ()
    tests: int = 0
    timed_out: bool = False


class Runner(Protocol):
    """Runs tests with settings of the stack."""

    def __call__(
        self, tests: Sequence[str], settings: Sequence[str], folder: Path, *, without: Sequence[str]
    ) -> Run:
        """Run to the first failure (or all), leave evidence in ``folder``."""
        ...


@dataclass(frozen=True, slots=True)
class PytestRunner:
    """The real one. ``workers`` 0 runs in one process; ``stop_at_first`` is pytest's -x."""

    checkout: Path
    workers: int
    timeout_s: float
    stop_at_first: bool = True

    def __call__(
        self, tests: Sequence[str], settings: Sequence[str], folder: Path, *, without: Sequence[str]
    ) -> Run:
        """Run pytest; HarnessError if it ends in a way that is neither pass nor failure."""
        folder.mkdir(parents=True)
        report, log = folder / "outcomes.jsonl", folder / "pytest.log"
        command = self.command(tests, settings, folder, without)
        environment = {**os.environ, "CCA_OUTCOMES": str(report)}
        with log.open("wb") as out:
            status = self._wait(command, environment, out.fileno())
        run = read_report(report, timed_out=status is None)
        if status == _NOT_FOUND and _is_one_test(tests):
            return run  # a test of the table that was renamed
        failed_without_test = status in _FAILED and not run.failures
        if status is not None and (status not in _OK_STATUSES or failed_without_test):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
            raise HarnessError(f"pytest ended with status {status}:\n{tail}", hint=f"see {log}")
        return run

    def command(
        self, tests: Sequence[str], settings: Sequence[str], folder: Path, without: Sequence[str]
    ) -> list[str]:
        """Pytest's command line: nothing outside of ``folder`` is written, no plugin shuffles."""
        workers = 0 if _is_one_test(tests) else self.workers
        command = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--no-tap"]
        command += ["-p", "no:cacheprovider", "-p", "no:randomly", *settings]
        command += [f"--runs={folder / 'runs'}", *(f"--deselect={test}" for test in without)]
        command += ["-x"] if self.stop_at_first else []
        return [*command, *tests]

    def _wait(self, command: Sequence[str], environment: dict[str, str], out: int) -> int | None:
        """Run a command in a group of its own; None if time ran out. All of it ends here."""
        with subprocess.Popen(
            command,
            cwd=self.checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(self.timeout_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _is_one_test(tests: Sequence[str]) -> bool:
    return len(tests) == 1 and "::" in tests[0]


def read_report(report: Path, *, timed_out: bool = False) -> Run:
    """Read what the plugin wrote about each phase of each test."""
    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    failures: dict[str, Failure] = {}
    for row in rows:
        if row["outcome"] == "failed":
            failure = Failure(row["test"], row["phase"], row.get("text", ""))
            failures.setdefault(failure.test, failure)
    return Run(tuple(failures.values()), len({row["test"] for row in rows}), timed_out)
