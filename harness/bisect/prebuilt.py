# SPDX-License-Identifier: BSD-3-Clause
"""A list of prebuilt images, oldest first, as a series; an ELF beside an image belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.bisect.errors import BisectError
from harness.bisect.series import Revision
from harness.stack.hashing import FileHasher, digest


class FileList:
    """Files in the order of their age."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Take the files. Raises ``BisectError`` if there are too few or some are not there."""
        self._files = [path.absolute() for path in files]
        for path in self._files:
            if not path.is_file():
                raise BisectError(f"there is no file {path}", hint="--files lists images")
        if len(set(self._files)) != len(self._files):
            raise BisectError("a file is named twice: which is the older one?")
        if len(self._files) < 2:
            raise BisectError("--files needs two files or more, the oldest first")

    def contents(self) -> list[str]:
        """Hashes of all images and what belongs to them: other files may have the same paths.

        Raises ``OSError``.
        """
        hasher = FileHasher()
        return [
            digest({name: hasher.file(file) for name, file in _outputs(path).items()})
            for path in self._files
        ]

    def resolve(self, name: str | None, default: int) -> Revision:
        """Find a file by its path, its name or its number (from 1). Raises ``BisectError``."""
        if name is None:
            return self.revision(str(self._files[default]))
        found = [p for n, p in enumerate(self._files, 1) if name in (str(p), p.name, str(n))]
        found += [p for p in self._files if p == Path(name).absolute() and p not in found]
        if len(found) != 1:
            raise BisectError(
                f"{name!r} is {'none' if not found else 'more than one'} of the files",
                hint=f"there are: {', '.join(path.name for path in self._files)}",
            )
        return self.revision(str(found[0]))

    def require_order(self, good: Revision, bad: Revision) -> None:
        """Raise ``BisectError`` unless ``good`` stands before ``bad``."""
        if self._place(good.key) >= self._place(bad.key):
            raise BisectError(
                f"the good file does not stand before the bad one: {good}, {bad}",
                hint="--files lists the oldest first",
            )

    def _place(self, key: str) -> int:
        return self._files.index(Path(key))

    def suspects(self, goods: Collection[str], bad: str) -> Sequence[str]:
        """See ``Series``."""
        start, end = max(self._place(good) for good in goods) + 1, self._place(bad)
        middle = (start + end - 1) / 2
        between = sorted(range(start, end), key=lambda place: abs(place - middle))
        return [*(str(self._files[place]) for place in between), bad]

    def revision(self, key: str) -> Revision:
        """See ``Series``."""
        return Revision(key, f"{self._place(key) + 1}: {Path(key).name}")

    def details(self, key: str) -> str:
        """See ``Series``."""
        path = Path(key)
        return f"{path}\n{path.stat().st_size} bytes, number {self._place(key) + 1} of the list"

    def outputs(self, revision: Revision) -> Mapping[str, Path]:
        """See ``Source``."""
        return _outputs(Path(revision.key))


def _outputs(image: Path) -> dict[str, Path]:
    elf = image.with_suffix(".elf")
    return {"image": image, "elf": elf} if elf.is_file() else {"image": image}
