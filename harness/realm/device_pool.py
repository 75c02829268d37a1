# SPDX-License-Identifier: BSD-3-Clause
"""Granules of a Linux host: a ring over chunks that its ``/dev/rmi`` gave."""

from __future__ import annotations

from harness.errors import LinkCannot
from harness.link.devrmi import DevRmiLink
from harness.realm.pool import GranulePool, Span
from harness.types import GRANULE_BYTES, Pa, align_up

_CHUNK_GRANULES = 1024
_MOST_CHUNKS = 64


class DevicePool(GranulePool):
    """Hands out granules in order, chunk by chunk; more chunks are asked for as needed.

    Only within a chunk are granules adjacent.
    """

    def __init__(self, link: DevRmiLink) -> None:
        super().__init__(Pa(0), 0)
        self._link = link
        self._chunks: list[int] = []
        self._current = -1
        self._at = 0

    def take(self, count: int = 1, *, align_bytes: int = GRANULE_BYTES) -> Pa:
        """Return ``count`` adjacent granules aligned to ``align_bytes``.

        ``LinkCannot`` where the host has no such memory.
        """
        size_bytes = count * GRANULE_BYTES
        if max(size_bytes, align_bytes) > _CHUNK_GRANULES * GRANULE_BYTES:
            raise LinkCannot(
                f"not over /dev/rmi: {count} adjacent granules aligned to {align_bytes:#x} "
                "are more than the host gives at once"
            )
        base = align_up(self._at, align_bytes)
        if self._current < 0 or base + size_bytes > self._end():
            self._next_chunk()
            base = align_up(self._at, align_bytes)
        self._at = base + size_bytes
        self._taken.append(Span(Pa(base), size_bytes))
        return Pa(base)

    def reserve(self, size_bytes: int) -> Pa:
        """Take memory for good: it is never handed out."""
        return Pa(self._link.alloc(align_up(size_bytes, GRANULE_BYTES) // GRANULE_BYTES))

    def _end(self) -> int:
        return self._chunks[self._current] + _CHUNK_GRANULES * GRANULE_BYTES

    def _next_chunk(self) -> None:
        """Go on to the next chunk, a new one until there are enough of them."""
        if len(self._chunks) < _MOST_CHUNKS:
            align_bytes = _CHUNK_GRANULES * GRANULE_BYTES
            self._chunks.append(self._link.alloc(_CHUNK_GRANULES, align_bytes))
            self._current = len(self._chunks) - 1
        else:
            self._current = (self._current + 1) % len(self._chunks)
        self._at = self._chunks[self._current]
