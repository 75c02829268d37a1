# SPDX-License-Identifier: BSD-3-Clause
"""Who may work in a folder of nights: one nightly; who may open its history: one at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from harness.artifacts import Held, take_lock
from harness.deadline import Deadline
from harness.nightly.config import NightlyError

_POLL_S = 0.05


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One nightly at a time in a folder; the lock ends with the process. Raises NightlyError."""
    try:
        lock = take_lock(folder / ".lock")
    except Held as held:
        raise NightlyError(
            f"another nightly runs in {folder} (process {held.holder})",
            hint="wait for it, or use a configuration with another folder",
        ) from None
    except OSError as problem:
        raise NightlyError(
            f"{folder} cannot be written: {problem.strerror}",
            hint="let [night] folder name another place",
        ) from problem
    with lock:
        yield


def opening(history: Path, wait: Deadline) -> IO[str]:
    """One process at a time opens a history: the first makes it, and its tables.

    The lock, a file beside it, ends with the ``with`` block of what is returned. Raises
    NightlyError when ``wait`` is over, OSError.
    """
    while True:
        try:
            return take_lock(history.with_name(f".{history.name}.lock"))
        except Held as held:
            if wait.expired:
                raise NightlyError(
                    f"process {held.holder} has been opening {history} for {wait.timeout_s:g} s",
                    hint="look what that process is doing",
                ) from None
        time.sleep(_POLL_S)
