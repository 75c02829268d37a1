# SPDX-License-Identifier: BSD-3-Clause
"""A copy of the tree to work in: whoever edits the tree meanwhile does not disturb a long run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NEEDED = ("harness", "images", "testcases", "conftest.py", "pyproject.toml")


@contextmanager
def snapshot(checkout: Path, root: Path) -> Iterator[Path]:
    """Copy what tests and builds need into a new folder of ``root``; removed afterwards."""
    root.mkdir(parents=True, exist_ok=True)
    copy = Path(tempfile.mkdtemp(prefix="tree-", dir=root))
    try:
        for name in _NEEDED:
            source = checkout / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, copy / name, ignore=ignored)
            elif source.exists():
                shutil.copy2(source, copy / name)
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)
