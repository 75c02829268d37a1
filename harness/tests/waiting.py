# SPDX-License-Identifier: BSD-3-Clause
"""Waiting for what another thread or process does, however slow the machine is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from harness.console import Console

PATIENCE_S = 60.0
"""Much longer than anything takes; a test ends as soon as what it waits for is so."""

_POLL_S = 0.02


def until(true: Callable[[], object], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, f"not so within {within_s:g} s: {what}"
        time.sleep(_POLL_S)


def until_received(console: Console, size_bytes: int) -> None:
    """Wait until a console has passed on so many bytes: alarms have been looked for in them."""
    until(lambda: console.received_bytes >= size_bytes, f"{size_bytes} bytes have come")


def gone(pid: int) -> bool:
    """Whether a process has ended; one that its parent has not asked about yet has."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"
