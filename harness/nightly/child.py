# SPDX-License-Identifier: BSD-3-Clause
"""Runs a command that has a time budget and cannot outlive us, not even our ``kill -9``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from harness.nightly.config import NightlyError, unwritable

GRACE_S = 30.0
"""After its budget a command is interrupted; if it has not ended by then it is killed."""

_GUARD = '[ "$PPID" = "$0" ] || exit 143; exec "$@"'


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its status (negative: the signal), and whether the budget ended it."""

    status: int
    over_budget: bool


def run_child(
    argv: Sequence[str],
    folder: Path,
    log: Path,
    budget_s: float,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run in ``folder``, output to ``log``. Whatever of its group still runs then is killed.

    Raises NightlyError if it cannot be started or logged. An interrupt of ours is passed on.
    """
    guard = shutil.which("setpriv")
    if guard is None:
        raise NightlyError("setpriv is not on PATH: nothing would end with a killed nightly")
    tied = [guard, "--pdeathsig", "KILL", "sh", "-c", _GUARD, str(os.getpid()), *argv]
    with _opened(log) as output:
        try:
            process = subprocess.Popen(
                tied,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        except OSError as problem:
            raise NightlyError(f"cannot start {argv[0]}: {problem}") from problem
    try:
        return _wait(process, budget_s)
    except KeyboardInterrupt:
        _interrupt(process)
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _opened(log: Path) -> BinaryIO:
    try:
        return log.open("ab")
    except OSError as problem:
        raise unwritable(log, problem) from problem


def _wait(process: subprocess.Popen[bytes], budget_s: float) -> Ended:
    try:
        return Ended(process.wait(budget_s), over_budget=False)
    except subprocess.TimeoutExpired:
        _interrupt(process)
        return Ended(process.returncode or 0, over_budget=True)


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """Let pytest end its session; it stops machines and writes its pages."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
