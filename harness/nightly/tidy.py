# SPDX-License-Identifier: BSD-3-Clause
"""What of a night need not be kept: recordings that no failure needs, old nights' folders."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from harness.nightly.config import NightlyError, unwritable
from harness.nightly.history import History

_KEPT_OF_OLD = (
    *("report.html", "coverage.html", "junit.xml", "results.jsonl", "kcidb.json"),
    "night.json",
)


def recordings(cell: Path) -> int:
    """Delete recordings of machines on which nothing failed; return the bytes."""
    needed = {path for file in cell.rglob("failure.json") for path in _needed(file)}
    freed = 0
    for tap in cell.rglob("*.tap"):
        real = tap.resolve()
        if tap.is_file() and needed.isdisjoint([real, *real.parents]):
            freed += tap.stat().st_size
            tap.unlink()
    return freed


def old_nights(folder: Path, history: History, keep: int) -> list[str]:
    """Of nights beyond the last ``keep`` only the reports stay; return the names.

    Raises NightlyError.
    """
    gone = []
    for night in history.nights(10_000)[keep:]:
        place = folder / night.id
        heavy = [path for path in place.glob("*") if path.name not in _KEPT_OF_OLD]
        for path in heavy:
            try:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
            except OSError as problem:
                raise unwritable(path, problem) from problem
        if heavy:
            gone.append(night.id)
    return gone


def unreported(folder: Path, history: History) -> list[str]:
    """Nights that came to their end, but were killed before their report was written."""
    done = [folder / night.id for night in history.nights() if night.state == "done"]
    return [
        place.name
        for place in done
        if (place / "night.json").is_file() and not (place / "report.html").exists()
    ]


def publish(night: Path, target: Path) -> None:
    """Make ``target`` the night's folder anew, files linked where they can be.

    A link to a night is replaced, the night that it leads to stays.

    Killed at any moment it leaves the one before, none, or the new one, and folders beside it
    that the next one clears. Raises NightlyError if ``target`` is something else, or cannot be
    written.
    """
    target = target.absolute()
    draft, old = (target.with_name(f".{target.name}.{word}") for word in ("draft", "old"))
    if _is_there(target) and not (target / "night.json").is_file():
        raise NightlyError(
            f"{target} is there already and is not a night", hint="name a folder to be made"
        )
    try:
        _clear(draft, old)
        shutil.copytree(night, draft, symlinks=True, copy_function=_link)
        if _is_there(target):
            target.rename(old)
        draft.rename(target)
        _clear(old)
    except (OSError, shutil.Error) as problem:
        raise NightlyError(f"{night} cannot be copied to {target}: {problem}") from problem


def _is_there(path: Path) -> bool:
    """Also a link that leads nowhere."""
    return path.is_symlink() or path.exists()


def _clear(*paths: Path) -> None:
    """Of a link only the link goes, not what it leads to."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _needed(failure: Path) -> list[Path]:
    """The recording of a failure and the folder of its machine: a crash knows the folder only."""
    try:
        facts = json.loads(failure.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    names = [(facts.get("recording") or {}).get("file"), facts.get("machine_folder")]
    return [Path(name).resolve() for name in names if name]
