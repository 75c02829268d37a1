# SPDX-License-Identifier: BSD-3-Clause
"""What a bisection goes through, and what became of a step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

State = Literal["good", "bad", "skip"]


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit (``key`` is its hash) or a file (its path). ``title`` is one line for people."""

    key: str
    title: str

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a revision. ``reason`` says why it was skipped, or what failed.

    ``test`` failed with ``text``; its artefacts are in ``folder``. ``same`` identifies the files
    that were tested: two revisions with the same ones need one run.
    """

    state: State
    reason: str = ""
    test: str = ""
    text: str = ""
    folder: str = ""
    same: str = ""


class Series(Protocol):
    """Revisions between a good and a bad one."""

    def suspects(self, goods: Collection[str], bad: str) -> Sequence[str]:
        """Keys of those that may be the first bad one, ``bad`` included, the best to try first.

        ``bad`` itself is last.
        """

    def revision(self, key: str) -> Revision:
        """Return a revision by its key."""

    def details(self, key: str) -> str:
        """Say all that is known of a revision, several lines."""


class Source(Protocol):
    """Gets the files of a revision."""

    def outputs(self, revision: Revision) -> Mapping[str, Path]:
        """The component's files by output. Raises ``StackError`` where it does not build."""
