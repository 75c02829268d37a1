# SPDX-License-Identifier: BSD-3-Clause
"""What a bisection has found out so far, on disk: one that is interrupted goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from harness.artifacts import Held, take_lock, write_json
from harness.bisect.errors import BisectError
from harness.bisect.series import Tried
from harness.errors import results_hint

_FILE = "journal.json"


class Journal:
    """Outcomes by revision, in a folder. One process at a time: see ``locked``."""

    def __init__(self, folder: Path, question: Mapping[str, object]) -> None:
        """Read what is there; ``question`` is kept beside it, for people."""
        self.path = folder / _FILE
        self._question = dict(question)
        self._tried: dict[str, Tried] = {}
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))["tried"]
            self._tried = {key: Tried(**row) for key, row in rows.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise BisectError(
                f"{self.path} cannot be read: {problem}", hint="--afresh begins anew"
            ) from problem

    def __len__(self) -> int:
        return len(self._tried)

    def get(self, key: str) -> Tried | None:
        """What became of a revision, if it was tried."""
        return self._tried.get(key)

    def put(self, key: str, tried: Tried) -> Tried:
        """Remember an outcome. Raises ``ArtifactError`` if it cannot be written."""
        self._tried[key] = tried
        rows = {name: asdict(one) for name, one in self._tried.items()}
        write_json(self.path, {"question": self._question, "tried": rows})
        return tried

    def like(self, same: str) -> Tried | None:
        """What became of a revision with the same files."""
        return next((t for t in self._tried.values() if same and t.same == same), None)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a bisection's folder.

    Raises ``BisectError`` if another process has it, or it cannot be written.
    """
    try:
        lock = take_lock(folder / "lock")
    except Held:
        raise BisectError(
            f"the same bisection is running already ({folder})", hint="wait for its end"
        ) from None
    except OSError as problem:
        raise BisectError(
            f"{folder} cannot be written: {problem.strerror}", hint=results_hint(problem)
        ) from problem
    with lock:
        yield
