# SPDX-License-Identifier: BSD-3-Clause
"""Shows the steps of a set-up or build: live on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.stack.progress import Progress

if TYPE_CHECKING:
    from rich.status import Status


class PlainProgress(Progress):
    """One line when a step begins, one when it ends, on stderr."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to undo."""

    def begin(self, step: str) -> None:
        """Print that a step has begun."""
        self._begun[step] = time.monotonic()
        self.line(f"{step} …")

    def end(self, step: str, outcome: str) -> None:
        """Print how a step ended and how long it took."""
        taken_s = time.monotonic() - self._begun.pop(step, time.monotonic())
        self.line(f"{step}: {outcome}, {taken_s:.1f} s")

    def line(self, text: str) -> None:
        """Print one line at once."""
        print(f"cca: {text}", file=sys.stderr, flush=True)


class LiveProgress(PlainProgress):
    """A spinner that names the running steps; finished ones stay above it as lines."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    def begin(self, step: str) -> None:
        """Show a step beside the spinner."""
        self._begun[step] = time.monotonic()
        self._refresh()

    def end(self, step: str, outcome: str) -> None:
        """Turn the step into a line."""
        super().end(step, outcome)
        self._refresh()

    def line(self, text: str) -> None:
        """Print a line above the spinner."""
        self._status.console.print(f"cca: {text}", markup=False, highlight=False)

    def _refresh(self) -> None:
        if self._begun:
            self._status.update(", ".join(self._begun).replace("[", r"\["))
            self._status.start()
        else:
            self._status.stop()


@contextlib.contextmanager
def make_progress() -> Iterator[PlainProgress]:
    """Yield the display that fits stderr; rich is imported only for a terminal."""
    if not sys.stderr.isatty():
        yield PlainProgress()
        return
    from rich.console import Console
    from rich.status import Status

    status = Status("", console=Console(stderr=True))
    try:
        yield LiveProgress(status)
    finally:
        status.stop()
