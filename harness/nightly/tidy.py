# SPDX-License-Identifier: BSD-3-Clause
"""What of a night need not be kept: recordings that no failure needs, old nights' folders."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from harness.nightly.config import NightlyError
from harness.nightly.history import History

_KEPT_OF_OLD = ("report.html", "junit.xml", "results.jsonl", "kcidb.json", "night.json")


def recordings(cell: Path) -> int:
    """Delete recordings of machines on which nothing failed; return the bytes."""
    needed = {path for file in cell.rglob("failure.json") if (path := _recording(file))}
    freed = 0
    for tap in cell.rglob("*.tap"):
        if tap.is_file() and tap.resolve() not in needed:
            freed += tap.stat().st_size
            tap.unlink()
    return freed


def old_nights(folder: Path, history: History, keep: int) -> list[str]:
    """Of nights beyond the last ``keep`` only the reports stay; return the names."""
    gone = []
    for night in history.nights(10_000)[keep:]:
        place = folder / night.id
        heavy = [path for path in place.glob("*") if path.name not in _KEPT_OF_OLD]
        for path in heavy:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        if heavy:
            gone.append(night.id)
    return gone


def publish(night: Path, target: Path) -> None:
    """Make ``target`` the night's folder anew, files linked where they can be.

    Raises NightlyError if ``target`` is something else, or cannot be written.
    """
    if target.exists() and not (target / "night.json").is_file():
        raise NightlyError(
            f"{target} is there already and is not a night", hint="name a folder to be made"
        )
    try:
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(night, target, symlinks=True, copy_function=_link)
    except (OSError, shutil.Error) as problem:
        raise NightlyError(f"{night} cannot be copied to {target}: {problem}") from problem


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _recording(failure: Path) -> Path | None:
    try:
        found = json.loads(failure.read_text(encoding="utf-8")).get("recording")
    except (OSError, ValueError):
        return None
    return Path(found["file"]).resolve() if found else None
