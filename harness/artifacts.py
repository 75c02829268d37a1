# SPDX-License-Identifier: BSD-3-Clause
"""Folders for what a run leaves behind: one per run, one per test below it.

::

    runs/latest -> 20260131-120000-4711
    runs/20260131-120000-4711/run.json          what ran: command line, time, host, folders
    runs/20260131-120000-4711/<test>/...         transcripts, qemu.sh, failure.json
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

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


def write_json(path: Path, data: Mapping[str, object]) -> Path:
    """Write a JSON file in one step (a reader sees the old one or the new one).

    Values that JSON does not know are written as ``str(value)``. Raises ``ArtifactError``.
    """
    text = json.dumps(data, indent=2, sort_keys=False, default=str) + "\n"
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
        draft.replace(path)
    except OSError as problem:
        draft.unlink(missing_ok=True)
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
        _point(base / "latest", run.path.name)
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


def _point(link: Path, target: str) -> None:
    """Move the ``latest`` link; a convenience, so a failure is not an error."""
    draft = link.with_name(f".latest.{os.getpid()}.{threading.get_ident()}")
    try:
        draft.symlink_to(target)
        draft.replace(link)
    except OSError:
        draft.unlink(missing_ok=True)


def _failed(path: Path, problem: OSError) -> ArtifactError:
    return ArtifactError(
        f"cannot write the artefact {path}: {problem.strerror}",
        hint=results_hint(problem),
    )
