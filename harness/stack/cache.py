# SPDX-License-Identifier: BSD-3-Clause
"""The content-addressed cache of built components.

``entries/<key>`` is a finished folder: outputs and ``manifest.json`` with their sizes and
hashes. It appears by one rename. Whoever builds a key holds ``locks/<key>.lock``
and works in ``tmp/<key>.<random>``; a working folder whose lock nobody holds belongs to a
dead builder and is removed by the next one. ``logs`` keeps the output of build commands.
An entry that nobody has used for ``UNUSED_DAYS`` is removed by the next builder, with logs
as old as that.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StackError
from harness.stack.hashing import FileHasher

MANIFEST = "manifest.json"
UNUSED_DAYS = 30
_DAY_S = 86_400
_NOT_IN_MAKE = re.compile(r"""[\s:;#$%&|<>()*?'"`\\]""")
Fill = Callable[[Path], Mapping[str, str]]
"""Fills an empty folder and returns its outputs: name to file, relative to the folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished build: ``outputs`` map a name to an absolute path below ``path``."""

    key: str
    path: Path
    outputs: Mapping[str, Path]


def default_root() -> Path:
    """Return $CCA_CACHE, or cca-harness in the user's cache folder. Raises StackError."""
    try:
        if own := os.environ.get("CCA_CACHE"):
            return Path(own).expanduser().absolute()
        base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    except RuntimeError as error:
        raise StackError(
            f"no folder for the cache: {error}", hint="set HOME or CCA_CACHE"
        ) from None
    return Path(base) / "cca-harness"


def require_buildable(root: Path) -> None:
    """Raise StackError for a folder in whose names make or a shell sees more than names."""
    if found := _NOT_IN_MAKE.search(str(root)):
        raise StackError(
            f"cache {root} cannot be used: make cannot build where a folder's name has "
            f"{found[0]!r}",
            hint="set CCA_CACHE to another folder, such as /var/tmp/cca-cache",
        )


class Cache:
    """Finished builds by key; safe for any number of processes at once.

    Raises StackError for a folder in which nothing could be built.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        require_buildable(self.root)
        self.hasher = FileHasher(self.root / "memo")

    def find(self, key: str) -> Entry | None:
        """Return an intact entry, or None where there is none or it is damaged."""
        path = self.root / "entries" / key
        try:
            manifest: Any = json.loads((path / MANIFEST).read_text())
            outputs = {name: path / item["file"] for name, item in manifest.items()}
            for name, item in manifest.items():
                if outputs[name].stat().st_size != item["size_bytes"]:
                    return None
                if self.hasher.file(outputs[name]) != item["sha256"]:
                    return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        with contextlib.suppress(OSError):  # a cache may be read-only
            os.utime(path / MANIFEST)
        return Entry(key, path, outputs)

    def obtain(self, key: str, fill: Fill) -> Entry:
        """Return the entry of ``key``, built by ``fill`` if need be. Raises StackError."""
        found = self.find(key)
        if found is not None:
            return found
        with self.lock(key):
            return self.find(key) or self.store(key, fill)

    def store(self, key: str, fill: Fill) -> Entry:
        """Build an entry; the caller holds the lock of ``key``. Raises StackError."""
        self.sweep()
        self.prune(UNUSED_DAYS)
        for left_over in (self.root / "tmp").glob(f"{key}.*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with self.guard():
            (self.root / "tmp").mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=self.root / "tmp"))
        try:
            outputs = fill(work)
            with self.guard():
                return self._finish(key, work, outputs)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _finish(self, key: str, work: Path, outputs: Mapping[str, str]) -> Entry:
        manifest = {
            name: {
                "file": file,
                "size_bytes": (work / file).stat().st_size,
                "sha256": self.hasher.file(work / file),
            }
            for name, file in outputs.items()
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=1))
        final = self.root / "entries" / key
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.exists():
            final.rename(work.with_name(work.name + ".damaged"))
        work.chmod(0o755)
        work.rename(final)
        shutil.rmtree(work.with_name(work.name + ".damaged"), ignore_errors=True)
        return Entry(key, final, {name: final / file for name, file in outputs.items()})

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the lock of a key; waits for another holder. It ends with the process."""
        with self._lock_file(key) as fd:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _lock_file(self, key: str) -> Iterator[int]:
        with self.guard():
            folder = self.root / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(folder / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            yield fd
        finally:
            os.close(fd)

    def sweep(self) -> None:
        """Remove the working folders that dead builders left."""
        for work in (self.root / "tmp").glob("*.*"):
            with self._lock_file(work.name.split(".")[0]) as fd:
                if _lock_now(fd):
                    shutil.rmtree(work, ignore_errors=True)

    def prune(self, unused_days: float) -> None:
        """Remove what nobody has used for so long, entries that are being built excepted."""
        before = time.time() - unused_days * _DAY_S
        for manifest in (self.root / "entries").glob(f"*/{MANIFEST}"):
            if _mtime(manifest) < before:
                self._remove(manifest)
        for log in (self.root / "logs").glob("*.log"):
            if _mtime(log) < before:
                log.unlink(missing_ok=True)

    def _remove(self, manifest: Path) -> None:
        """Remove an entry; without its manifest it is none, whatever happens meanwhile."""
        key = manifest.parent.name
        with self._lock_file(key) as fd:
            if _lock_now(fd):
                with contextlib.suppress(OSError):
                    manifest.unlink()
                    shutil.rmtree(manifest.parent)

    def log_path(self, label: str) -> Path:
        """Return where the log of a build goes."""
        with self.guard():
            (self.root / "logs").mkdir(parents=True, exist_ok=True)
        return self.root / "logs" / f"{label}.log"

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Turn the failure to write the cache into one clear StackError."""
        try:
            yield
        except OSError as error:
            raise cache_error(self.root, error) from error


def cache_error(root: Path, error: OSError) -> StackError:
    """Say why the cache cannot be written and what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "free some space there, or point CCA_CACHE to a folder on another disk"
    else:
        hint = "point CCA_CACHE to a folder that you may write"
    return StackError(
        f"cache {root} cannot be written: {error.strerror or error} ({error.filename or root})",
        hint=hint,
    )


def _mtime(path: Path) -> float:
    """When a file was last written; for one that is gone, just now."""
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()


def _lock_now(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
