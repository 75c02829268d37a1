# SPDX-License-Identifier: BSD-3-Clause
"""Recordings as ``--recordings`` keeps them: packed."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

SUFFIX = ".gz"


@contextlib.contextmanager
def plain(path: Path) -> Iterator[Path]:
    """The file itself; one that is packed is unpacked beside other temporary files.

    Raises TapError; one that is raised about the unpacked file names the packed one.
    """
    if path.suffix != SUFFIX:
        yield path
        return
    from harness.tap import TapError

    with tempfile.NamedTemporaryFile(prefix="cca-tap-") as unpacked:
        _unpack(path, Path(unpacked.name))
        try:
            yield Path(unpacked.name)
        except TapError as problem:
            text = problem.message.replace(unpacked.name, str(path))
            raise TapError(text, hint=problem.hint) from problem


def _unpack(path: Path, target: Path) -> None:
    from harness.tap import TapError

    try:
        with gzip.open(path, "rb") as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)
    except (OSError, EOFError, zlib.error) as problem:
        raise TapError(f"cannot unpack {path}: {problem}") from problem
