# SPDX-License-Identifier: BSD-3-Clause
"""The store of saved machine states.

``FOLDER/KEY/state`` is what QEMU wrote (mostly holes), ``complete.json`` beside it has its size
and the hash of what is not a hole. A key's folder appears by one rename; whoever makes it
holds ``KEY.lock`` and works in ``KEY.new``, which is nobody's where nobody holds the lock. Only
the last ``KEPT`` states are kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import MachineError

KEPT = 4
STATE = "state"
_COMPLETE = "complete.json"
_WORK = ".new"
_BLOCK_BYTES = 1 << 20


class StoreError(MachineError):
    """The folder of the states cannot be written."""


class StateStore:
    """States by key; safe for any number of processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: set[tuple[int, int, int, int]] = set()

    def find(self, key: str) -> Path | None:
        """Return the state of a key; None where there is none or it is not as it was written."""
        state = self.folder / key / STATE
        try:
            wanted = json.loads((state.parent / _COMPLETE).read_text())
            st = state.stat()
            identity = (st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
            if identity not in self._sound:
                if st.st_size != wanted["size_bytes"] or _digest(state) != wanted["sha256"]:
                    return None
                self._sound.add(identity)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state

    def obtain(self, key: str, make: Callable[[Path], None]) -> Path:
        """Return the state of a key, made by ``make(file)`` if need be.

        Others who want the same wait. Raises what ``make`` does, ``StoreError`` where the
        folder cannot be written.
        """
        with self._locked(key):
            if (found := self.find(key)) is not None:
                return found
            work = self.folder / f"{key}{_WORK}"
            shutil.rmtree(work, ignore_errors=True)
            try:
                with self._writing():
                    work.mkdir()
                make(work / STATE)
                with self._writing():
                    self._publish(work, self.folder / key)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            self._forget_old()
            self._forget_abandoned()
            return self.folder / key / STATE

    def _publish(self, work: Path, final: Path) -> None:
        """Write what a state must be found to be, then let it appear."""
        state = work / STATE
        facts = {"size_bytes": state.stat().st_size, "sha256": _digest(state)}
        (work / _COMPLETE).write_text(json.dumps(facts))
        shutil.rmtree(final, ignore_errors=True)
        work.rename(final)

    def beside(self, name: str) -> Path:
        """A file of the store that is no state."""
        return self.folder / name

    def remove(self, key: str) -> None:
        """Remove a state that does not work. Raises ``StoreError``."""
        with self._locked(key):
            shutil.rmtree(self.folder / key, ignore_errors=True)

    @contextmanager
    def _locked(self, key: str, how: int = fcntl.LOCK_EX) -> Iterator[None]:
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.folder / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise StoreError(
                f"no state of a host can be kept in {self.folder}: {problem.strerror}",
                hint="free space there, or point CCA_CACHE to another folder",
            ) from problem

    def _forget_old(self) -> None:
        """Remove all but the last states; one that is being read lives on until it is closed."""
        ages: list[tuple[float, Path]] = []
        for complete in self.folder.glob(f"*/{_COMPLETE}"):
            with contextlib.suppress(OSError):
                ages.append((complete.stat().st_mtime, complete.parent))
        for _, old in sorted(ages)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def _forget_abandoned(self) -> None:
        """Remove what those left who were killed while they made a state."""
        for work in self.folder.glob(f"*{_WORK}"):
            with (
                contextlib.suppress(BlockingIOError, StoreError),
                self._locked(work.name.removesuffix(_WORK), fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                shutil.rmtree(work, ignore_errors=True)


def _digest(file: Path) -> str:
    """Hash what is not a hole, and where it lies."""
    hasher = hashlib.sha256()
    with file.open("rb", buffering=0) as source:
        at = 0
        while True:
            try:
                at = os.lseek(source.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                return hasher.hexdigest()
            end = os.lseek(source.fileno(), at, os.SEEK_HOLE)
            hasher.update(f"{at}-{end};".encode())
            os.lseek(source.fileno(), at, os.SEEK_SET)
            while at < end:
                block = source.read(min(_BLOCK_BYTES, end - at))
                if not block:
                    return hasher.hexdigest()
                hasher.update(block)
                at += len(block)
