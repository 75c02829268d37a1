# SPDX-License-Identifier: BSD-3-Clause
"""From what people name (a run, a failed test, a machine, a file) to recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.tap import Assembler, Event, Recording, TapFile
from harness.tap.layout import Header, Line
from harness.timeline.marks import FAILED, Mark

RECORDING = "recording"
"""Key of ``failure.json``: which part of which file belongs to the test."""


@dataclass(frozen=True, slots=True)
class Span:
    """A recording, or the part of it that begins with record ``first`` and ends before ``until``.

    ``until`` is None for everything, also what comes while it is read.
    """

    path: Path
    title: str
    first: int = 0
    until: int | None = None
    marks: list[Mark] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def header(self) -> Header:
        """What the file says about itself. Raises ``TapError``."""
        return Recording(self.path).header()

    def __iter__(self) -> Iterator[Event]:
        """Yield the events, any number of times."""
        if self.first == 0 and self.until is None:
            yield from Recording(self.path)
            return
        assembler, begun = Assembler(), False
        with TapFile(self.path) as file:
            for index, record in enumerate(file.records(self.first), self.first):
                if self.until is not None and index >= self.until:
                    return
                begun = begun or not isinstance(record, Line)
                if begun and (event := assembler.feed(record)) is not None:
                    yield event


def find(path: Path) -> list[Span]:
    """What is recorded at ``path``, at least one. Raises HarnessError."""
    if path.is_file():
        return [_whole(path, path.name)]
    if not path.is_dir():
        raise HarnessError(f"there is no {path}", hint="name a run folder or a file calls.tap")
    if (own := _failure(path)) is not None:
        if span := _of_test(own):
            return [span]
        raise HarnessError(f"the test of {path} was not recorded", hint="run it again with --tap")
    files = sorted(path.rglob("*.tap"))
    if not files:
        raise HarnessError(
            f"there is no recording (*.tap) in {path}",
            hint="--tap records every SMC; run.json says why the tap was off",
        )
    failures = [failure for folder in sorted(path.iterdir()) if (failure := _failure(folder))]
    return [_whole(file, str(file.relative_to(path)), failures) for file in files]


def _whole(file: Path, title: str, failures: list[dict[str, Any]] | None = None) -> Span:
    marks = [
        mark
        for failure in failures or []
        if (where := failure.get(RECORDING)) and Path(where["file"]).resolve() == file.resolve()
        for mark in _marks(failure)
    ]
    return Span(file, title, marks=sorted(marks, key=lambda mark: mark.seq))


def _marks(failure: dict[str, Any]) -> list[Mark]:
    """What ``failure.json`` says of a test that was recorded: rules broken, and its end."""
    where = failure[RECORDING]
    found = [Mark(**mark) for mark in where.get("violations", [])]
    return [*found, Mark(where["last_seq"], FAILED, str(failure.get("test")), _reason(failure))]


def _of_test(failure: dict[str, Any]) -> Span | None:
    where = failure.get(RECORDING)
    if not where:
        return None
    facts: dict[str, str] = {
        key: str(failure[key]) for key in ("stack", "verdict", "phase") if key in failure
    }
    until = where["first_record"] + where["records"]
    title = str(failure.get("test"))
    return Span(Path(where["file"]), title, where["first_record"], until, _marks(failure), facts)


def _failure(folder: Path) -> dict[str, Any] | None:
    """The failure of a test's folder, None if it is not one."""
    try:
        found = json.loads((folder / "failure.json").read_text(encoding="utf-8"))
    except OSError:
        return None
    except ValueError as problem:
        raise HarnessError(f"{folder / 'failure.json'} cannot be read: {problem}") from None
    return found if isinstance(found, dict) else None


def _reason(failure: dict[str, Any]) -> str:
    """The first line of what went wrong."""
    lines = str(failure.get("error", "")).strip().splitlines()
    return lines[0] if lines else ""
