# SPDX-License-Identifier: BSD-3-Clause
"""The C header of the ABI tables, as an input of the in-tree images."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import harness.abi
from harness.errors import BuildError
from harness.stack.cache import Cache
from harness.stack.hashing import digest, write_quietly

_COMMAND = (sys.executable, "-m", "harness.abi.cheader")


def header_hash(cache: Cache) -> str:
    """Hash the header's text; rendered only when the tables or their reader changed."""
    folder = Path(str(harness.abi.__file__)).parent
    before = cache.hasher.tree(folder)
    memo = cache.root / "memo" / f"abi-{digest(before)}"
    with contextlib.suppress(OSError):
        known = memo.read_text()
        if len(known) == 64:
            return known
    with tempfile.TemporaryDirectory() as scratch:
        header = Path(scratch) / "cca_abi.h"
        write_header(header)
        value = hashlib.sha256(header.read_bytes()).hexdigest()
    if cache.hasher.tree(folder) == before:
        write_quietly(memo, value)
    return value


def write_header(path: Path) -> None:
    """Write ``cca_abi.h``, in a process of its own so that edited tables are read afresh."""
    done = subprocess.run([*_COMMAND, str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not path.is_file():
        raise BuildError(
            f"ABI header: {' '.join(_COMMAND[1:])} failed, exit status {done.returncode}\n"
            + done.stderr[-2000:]
        )
