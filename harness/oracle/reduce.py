# SPDX-License-Identifier: BSD-3-Clause
"""Make a failing script short: leave out steps, then words, while it still fails.

Steps are concrete calls, so that leaving one out changes no other: what was built up by it
is simply refused by model and machine alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from harness.deadline import Deadline
from harness.oracle.game import Failure
from harness.oracle.scenes import SCENES
from harness.oracle.script import scene_line

Attempt = Callable[[Sequence[str]], Failure | None]
"""Plays a scene's line and steps."""

_OPTIONAL = (r" doing .*", r" with .*", r" on=\d+", r" irq=1", r" flags=\S+", r" gprs=\S+")
_NO_FIELDS = re.compile(r" with(?= doing |$)")


def reduce(failure: Failure, attempt: Attempt, *, timeout_s: float = 120.0) -> Failure:
    """The shortest script found that fails; ``failure`` itself if it does not fail again.

    Any disagreement counts as failing.
    """
    again = attempt(failure.lines)
    if again is None:
        return failure
    reducer = _Reducer(attempt, again, Deadline.after(timeout_s))
    reducer.run()
    return reducer.best


class _Reducer:
    def __init__(self, attempt: Attempt, failure: Failure, deadline: Deadline) -> None:
        self.attempt = attempt
        self.best = failure
        self.deadline = deadline

    def run(self) -> None:
        """Until nothing more can be left out."""
        before = None
        while before != self.best.lines and not self.deadline.expired:
            before = self.best.lines
            self._leave_out_steps()
            self._leave_out_words()
            self._try_scenes()

    def _try(self, lines: Sequence[str]) -> bool:
        """Take it if it fails too."""
        if self.deadline.expired:
            return False
        failed = self.attempt(lines)
        if failed is not None:
            self.best = failed
        return failed is not None

    def _leave_out_steps(self) -> None:
        size = len(self.best.lines)
        while size:
            end = len(self.best.lines)
            while end > 1:
                start = max(end - size, 1)
                lines = self.best.lines
                self._try((*lines[:start], *lines[end:]))
                end = min(start, len(self.best.lines))
            size //= 2

    def _leave_out_words(self) -> None:
        for number in range(1, len(self.best.lines)):
            for pattern in _OPTIONAL:
                if number >= len(self.best.lines):
                    return
                lines = list(self.best.lines)
                shorter = _NO_FIELDS.sub("", re.sub(pattern, "", lines[number]))
                if shorter != lines[number]:
                    lines[number] = shorter
                    self._try(lines)

    def _try_scenes(self) -> None:
        for name in SCENES:
            line = scene_line(name)
            if line == self.best.lines[0] or self._try((line, *self.best.lines[1:])):
                return
