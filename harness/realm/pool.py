# SPDX-License-Identifier: BSD-3-Clause
"""Where tests get granules from: a ring over a stretch of normal-world DRAM.

Within a test a granule is not handed out again before the ring has come round, so that what
it gave back can be examined at its end (was it wiped? may the host read it?). Each test begins
at the ring's base: it gets the same addresses alone and after others, and memory that this
machine has already, whose first touch costs more than most RMI calls.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError
from harness.types import GRANULE_BYTES, Pa, align_up

POOL_BASE = Pa(0x8000_0000)
POOL_BYTES = 0x4000_0000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of memory ``[base, base + size_bytes)``."""

    base: Pa
    size_bytes: int

    @property
    def granules(self) -> int:
        """Number of granules in it."""
        return self.size_bytes // GRANULE_BYTES


def granules(base: Pa, count: int) -> tuple[Pa, ...]:
    """The addresses of ``count`` adjacent granules."""
    return tuple(Pa(base + n * GRANULE_BYTES) for n in range(count))


class GranulePool:
    """Hands out granules in ascending order, starting over at the end."""

    def __init__(self, base: Pa = POOL_BASE, size_bytes: int = POOL_BYTES) -> None:
        self.base = base
        self.size_bytes = size_bytes
        self._next = int(base)
        self._taken: list[Span] = []

    def take(self, count: int = 1, *, align_bytes: int = GRANULE_BYTES) -> Pa:
        """Return ``count`` adjacent granules aligned to ``align_bytes``.

        HarnessError when the whole pool has no such place.
        """
        wanted_bytes = count * GRANULE_BYTES
        end = self.base + self.size_bytes
        base = align_up(self._next, align_bytes)
        if base + wanted_bytes > end:
            base = align_up(self.base, align_bytes)
        if base + wanted_bytes > end:
            raise HarnessError(
                f"{count} granules, aligned to {align_bytes:#x}, asked of a pool of "
                f"{self.size_bytes:#x} bytes at {self.base}"
            )
        self._next = base + wanted_bytes
        self._taken.append(Span(Pa(base), wanted_bytes))
        return Pa(base)

    def reserve(self, size_bytes: int) -> Pa:
        """Take memory from the end of the pool for good: it is never handed out."""
        self.size_bytes -= align_up(size_bytes, GRANULE_BYTES)
        return Pa(self.base + self.size_bytes)

    def begin(self) -> None:
        """Forget what was taken so far: a new test starts, at the base."""
        self._next = int(self.base)
        self._taken.clear()

    def taken(self) -> list[Span]:
        """What was taken since :meth:`begin`, adjacent spans joined."""
        joined: list[Span] = []
        for span in sorted(self._taken, key=lambda s: s.base):
            last = joined[-1] if joined else None
            if last is not None and span.base <= last.base + last.size_bytes:
                end = max(last.base + last.size_bytes, span.base + span.size_bytes)
                joined[-1] = Span(last.base, end - last.base)
            else:
                joined.append(span)
        return joined
