# SPDX-License-Identifier: BSD-3-Clause
"""An invariant: id, one line of text, clause, and the check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.model.state import State


@dataclass(frozen=True, slots=True)
class Invariant:
    """Holds in every state; ``violations`` yields a line for each place where it does not."""

    id: str
    text: str
    clause: str
    violations: Callable[[State], Iterable[str]]
