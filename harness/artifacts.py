# SPDX-License-Identifier: BSD-3-Clause
"""Folders for what a run leaves behind: one per run, one per test below it.

::

    runs/latest -> 20260131-120000-4711
    runs/20260131-120000-4711/run.json          what ran: command line, time, host, folders
    runs/20260131-120000-4711/<test>/...         transcripts, qemu.sh, failure.json
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from harness.errors import HarnessError, results_hint

_LONGEST_NAME = 100
FAILURE_FILE = "failure.json"


class ArtifactError(HarnessError):
    """An artefact folder or file could not be written."""

    verdict = "lab"


def default_root() -> Path:
    """Return ``$CCA_RUNS``, or ``runs`` in the working directory."""
    return Path(os.environ.get("CCA_RUNS") or "runs").absolute()


def safe_name(text: str) -> str:
    """Turn a test id into a file name: short, ASCII, never empty, never hidden.

    Different ids give different names: whatever was lost is replaced by a hash.
    """
    name = re.sub(r"[^A-Za-z0-9_.=+-]+", "-", text).strip("-.")
    if name and name == text and len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9].rstrip('-.') or 'test'}-{digest}"


class Held(HarnessError):
    """Another process has a lock; ``holder`` is its number, or ``unknown``."""

    def __init__(self, file: Path, holder: str) -> None:
        super().__init__(f"{file} is held by another process ({holder})")
        self.holder = holder


def take_lock(file: Path) -> IO[str]:
    """Lock a file, made with its folder, until it is closed or the process ends.

    Raises ``Held`` if another process has it, ``OSError`` if it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = file.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise Held(file, holder) from None
    except OSError:
        lock.close()
        raise
    return lock


def write_text(path: Path, text: str, *, draft: str = "") -> None:
    """Write a file in one step: a reader sees the old one or the new one. Raises ``OSError``.

    ``draft`` ends the name of the file that is written first; one of its own by default. Where
    one process writes at a time, a given one is found again after a kill.
    """
    written = _draft(path, draft)
    try:
        written.write_text(text, encoding="utf-8", errors="backslashreplace")
        written.replace(path)
    except OSError:
        with suppress(OSError):
            written.unlink(missing_ok=True)
        raise


def point(link: Path, target: str, *, draft: str = "") -> None:
    """Move a symbolic link in one step; see ``write_text``. Raises ``OSError``."""
    made = _draft(link, draft)
    try:
        made.unlink(missing_ok=True)
        made.symlink_to(target)
        made.replace(link)
    except OSError:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise


def _draft(path: Path, end: str) -> Path:
    return path.with_name(f".{path.name}.{end or f'{os.getpid()}.{threading.get_ident()}'}")


def write_json(path: Path, data: Mapping[str, object]) -> Path:
    """Write a JSON file in one step (a reader sees the old one or the new one).

    Values that JSON does not know are written as ``str(value)``. Raises ``ArtifactError``.
    """
    text = json.dumps(data, indent=2, sort_keys=False, default=str) + "\n"
    try:
        write_text(path, text)
    except OSError as problem:
        raise _failed(path, problem) from problem
    return path


def write_failure(folder: Path, failure: Mapping[str, object]) -> Path:
    """Write ``failure.json`` into a test's folder and return its path."""
    return write_json(folder / FAILURE_FILE, failure)


class RunFolder:
    """The folder of one run; hands out one folder per test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._manifest: dict[str, object] = {}

    @classmethod
    def create(cls, root: Path | None = None) -> RunFolder:
        """Make a new folder, unique by time and process, and point ``latest`` at it."""
        base = root or default_root()
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        try:
            base.mkdir(parents=True, exist_ok=True)
            run = cls(_make_unique(base, stamp))
        except OSError as problem:
            raise _failed(base / stamp, problem) from problem
        with suppress(OSError):  # a convenience
            point(base / "latest", run.path.name)
        run.note(
            started=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            command=sys.argv,
            directory=Path.cwd(),
            python=platform.python_version(),
            host=platform.platform(),
        )
        return run

    def note(self, **facts: object) -> None:
        """Add facts to ``run.json``."""
        with self._lock:
            self._manifest.update(facts)
            write_json(self.path / "run.json", self._manifest)

    def test_folder(self, test_id: str) -> Path:
        """Make the folder of one test; a second one of the same id gets ``.2``, ``.3``, ..."""
        try:
            return _make_unique(self.path, safe_name(test_id))
        except OSError as problem:
            raise _failed(self.path / safe_name(test_id), problem) from problem


def _make_unique(parent: Path, name: str) -> Path:
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}.{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def _failed(path: Path, problem: OSError) -> ArtifactError:
    return ArtifactError(
        f"cannot write the artefact {path}: {problem.strerror}",
        hint=results_hint(problem),
    )
