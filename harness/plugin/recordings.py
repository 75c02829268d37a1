# SPDX-License-Identifier: BSD-3-Clause
"""``--recordings DIR``: a machine for each test, and what the tap saw of it as a packed file."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.artifacts import safe_name
from harness.plugin.fixtures import RUNNING
from harness.plugin.judging import breaks
from harness.plugin.session import cca_session

_LEAKS = "leaks"
_NAME = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("cca").addoption(
        "--recordings",
        dest="cca_recordings",
        type=Path,
        metavar="DIR",
        help="boot a machine for each test, and keep its recording as DIR/TEST.tap.gz",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder, once and before any test needs it."""
    folder: Path | None = config.getoption("cca_recordings")
    if folder is None or hasattr(config, "workerinput"):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise pytest.UsageError(f"--recordings {folder}: {problem.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise pytest.UsageError(f"--recordings {folder}: {os.strerror(errno.EACCES)}")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of several modules may have one name: their files have the modules' names, too."""
    known = Counter(item.name for item in items)
    for item in items:
        if known[item.name] > 1:
            item.stash[_NAME] = safe_name(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A host that forgets granules is one whose recording ends before they are given back."""
    try:
        return (yield)
    finally:
        if _LEAKS in breaks(item):
            _keep(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Keep the recording, whatever became of the test."""
    try:
        return (yield)
    finally:
        if item.config.getoption("cca_recordings") and RUNNING in item.stash:
            cca_session(item.config).keeper.retire()
            if _LEAKS not in breaks(item):
                _keep(item)


def _keep(item: pytest.Item) -> None:
    folder: Path | None = item.config.getoption("cca_recordings")
    tap = item.stash[RUNNING].machine.tap_file if RUNNING in item.stash else None
    if folder is None or tap is None:
        return
    name = item.stash.get(_NAME, item.name.removeprefix("test_"))
    target = folder / f"{name}.tap.gz"
    with tap.open("rb") as plain, gzip.GzipFile(target, "wb", mtime=0) as packed:
        shutil.copyfileobj(plain, packed)
