# SPDX-License-Identifier: BSD-3-Clause
"""An initial RAM file system as an archive, made without root and the same every time.

Invariants:

* owner and group of everything is root, every time is zero, entries are sorted by name;
* parents of an entry are there before it, made with mode 0755 unless given;
* the archive is a whole number of pages, so that another may follow it in memory.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.errors import StackError

_MAGIC = "070701"
_PAGE_BYTES = 4096
_END = "TRAILER!!!"
_DIRECTORY_MODE = 0o755


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


class Archive:
    """Files, folders, links and devices by absolute path; ``pack`` makes the archive (newc)."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def __contains__(self, path: str) -> bool:
        return _inside(path) in self._entries

    @property
    def paths(self) -> list[str]:
        """Absolute paths of all entries, sorted."""
        return [f"/{name}" for name in sorted(self._entries)]

    def directory(self, path: str, mode: int = _DIRECTORY_MODE) -> None:
        """Add a folder and those above it; one that is there gets the mode."""
        self._add(path, _Entry(stat.S_IFDIR | mode))

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Add a file, or replace it."""
        self._add(path, _Entry(stat.S_IFREG | mode, data))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link, or replace it."""
        self._add(path, _Entry(stat.S_IFLNK | 0o777, target.encode()))

    def character_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        """Add a device node."""
        self._add(path, _Entry(stat.S_IFCHR | mode, device=(major, minor)))

    def _add(self, path: str, entry: _Entry) -> None:
        name = _inside(path)
        for parent in list(PurePosixPath(name).parents)[:-1]:
            above = self._entries.setdefault(str(parent), _Entry(stat.S_IFDIR | _DIRECTORY_MODE))
            if not stat.S_ISDIR(above.mode):
                raise StackError(
                    f"/{name} cannot be put below /{parent}, which is no folder",
                    hint="a link of the packages stands there: name the place it points to",
                )
        self._entries[name] = entry

    def pack(self) -> bytes:
        """Return the archive."""
        parts = [
            _record(number, name, entry)
            for number, (name, entry) in enumerate(sorted(self._entries.items()), start=1)
        ]
        data = b"".join([*parts, _record(0, _END, _Entry(0))])
        return data.ljust(-(-len(data) // _PAGE_BYTES) * _PAGE_BYTES, b"\0")


def _inside(path: str) -> str:
    """Return the name that a path has in the archive. Raises StackError for one that leaves it."""
    pure = PurePosixPath(path)
    if not pure.is_absolute() or ".." in pure.parts or pure == PurePosixPath("/"):
        raise StackError(f"{path!r} is no absolute path below / of a root file system")
    return str(pure.relative_to("/"))


def _record(number: int, name: str, entry: _Entry) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    major, minor = entry.device
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, major, minor)
    head = _MAGIC + "".join(f"{field:08X}" for field in (*fields, len(encoded), 0))
    return _aligned(head.encode() + encoded) + _aligned(entry.data)


def _aligned(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")
