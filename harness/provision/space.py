# SPDX-License-Identifier: BSD-3-Clause
"""Room on the disk, looked at before work that fails badly, or hangs, without it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from harness.errors import ProvisionError

HINT = "free some space there, or point CCA_CACHE to a folder on another disk"


def free_bytes(folder: Path) -> int:
    """Return the room that we may use on the disk of ``folder``, or of its nearest parent."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            space = os.statvfs(place)
            return space.f_bavail * space.f_frsize
    return 0


def require_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Raise ProvisionError unless the disk of ``folder`` has room."""
    found = free_bytes(folder)
    if found < needed_bytes:
        raise ProvisionError(
            f"{what}: {found >> 20} MiB free in {folder}, {needed_bytes >> 20} MiB are needed",
            hint=HINT,
        )
