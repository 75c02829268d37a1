# SPDX-License-Identifier: BSD-3-Clause
"""What commit a night is of."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def commit_of(checkout: Path) -> dict[str, str]:
    """The commit of the checkout, if it is one of git's, or a CI tells it.

    In a CI's container there may be no git, or the files are another user's.
    """
    words = ["-c", "safe.directory=*", "-C", str(checkout), "log", "-1", "--format=%H%n%s"]
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
    except OSError:
        lines = []
    if len(lines) == 2:
        return {"commit": lines[0], "subject": lines[1]}
    told = os.environ.get("GITHUB_SHA") or os.environ.get("CI_COMMIT_SHA")
    return {"commit": told, "subject": ""} if told else {}
