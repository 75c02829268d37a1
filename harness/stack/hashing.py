# SPDX-License-Identifier: BSD-3-Clause
"""Content hashes of files and folders, and the memo that keeps large ones cheap.

A file below ``MEMO_MIN_BYTES`` is always read. A larger one is believed unchanged while its
inode, size, mtime and ctime are, and only if it was not touched within two seconds of the
memo: a write in the same tick of the clock could otherwise go unseen.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.errors import StackError

MEMO_MIN_BYTES = 4 << 20
_RACY_NS = 2_000_000_000


def digest(*parts: object) -> str:
    """Hash a sequence of values (their JSON form) to 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def identity(path: Path) -> str:
    """Tell a file apart from its earlier and later contents without reading it."""
    st = path.stat()
    return f"{st.st_dev}:{st.st_ino}:{st.st_size}:{st.st_mtime_ns}:{st.st_ctime_ns}"


class FileHasher:
    """SHA-256 of files, with a memo on disk (in ``memo_dir``) for large ones."""

    def __init__(self, memo_dir: Path | None = None) -> None:
        self._memo_dir = memo_dir

    def file(self, path: Path) -> str:
        """Hash one file's contents. Raises OSError."""
        st = path.stat()
        if st.st_size < MEMO_MIN_BYTES or self._memo_dir is None:
            return _sha256(path)
        memo = self._memo_dir / digest(str(path.absolute()), identity(path))
        with contextlib.suppress(OSError):
            known = memo.read_text()
            if len(known) == 64:
                return known
        value = _sha256(path)
        if time.time_ns() - max(st.st_mtime_ns, st.st_ctime_ns) > _RACY_NS:
            write_quietly(memo, value)
        return value

    def tree(self, root: Path) -> str:
        """Hash names and contents of all files below ``root``. Raises OSError."""
        files = walk(root, skip=("__pycache__",))
        return digest(*((str(p.relative_to(root)), self.file(p)) for p in files))


def write_quietly(path: Path, text: str) -> None:
    """Write a memo; that the cache is read-only or full is no reason to fail."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        temporary.replace(path)


def walk(root: Path, skip: Iterable[str] = ()) -> Iterator[Path]:
    """Yield the regular files below ``root`` in a fixed order, without folders in ``skip``."""
    left_out = set(skip)
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = sorted(f for f in folders if f not in left_out)
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file():
                yield path


def tree_signature(root: Path) -> str:
    """Sign a source tree by names, sizes and times; ``.git`` is left out. Raises OSError."""
    hasher = hashlib.sha256()
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = sorted(f for f in folders if f != ".git")
        hasher.update(f"{folder}\0".encode(errors="surrogateescape"))
        for name in sorted(names):
            with contextlib.suppress(FileNotFoundError):
                st = os.lstat(f"{folder}/{name}")
                entry = f"{name}\0{st.st_size}\0{st.st_mtime_ns}\0{st.st_mode}\0"
                hasher.update(entry.encode(errors="surrogateescape"))
    return hasher.hexdigest()


def require_folder(path: Path, what: str, hint: str = "") -> None:
    """Raise StackError unless ``path`` is a folder."""
    if not path.is_dir():
        raise StackError(f"{what}: no folder {path}", hint=hint)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _raise(error: OSError) -> None:
    raise error
