# SPDX-License-Identifier: BSD-3-Clause
"""What a build reports while it runs; the command line draws it, tests ignore it."""

from __future__ import annotations


class Progress:
    """Receives the steps of a build. This one is silent."""

    def begin(self, step: str) -> None:
        """A step that takes time has begun."""

    def end(self, step: str, outcome: str) -> None:
        """The step is over: "built", "failed"."""
