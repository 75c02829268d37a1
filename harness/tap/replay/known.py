# SPDX-License-Identifier: BSD-3-Clause
"""What of the world is known: after a boot everything, after a loss what was seen since then.

Addresses are another matter: that memory can be delegated at all is known of those 2 MiB
where something was once delegated. RAM has holes that only firmware knows of.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.tap.replay.world import CHUNK_BITS, World
from harness.types import GRANULE_BYTES


class Known:
    """Which granules' states are known, and where there is delegable memory."""

    def __init__(self) -> None:
        self.complete = False
        """Everything is known but for ``_unknown``; else nothing is but for ``_seen``."""
        self.features = False
        self.aux_count = False
        self.attestation = False
        self._unknown: set[int] = set()
        self._seen: set[int] = set()
        self._memory: set[int] = set()

    @property
    def everything(self) -> bool:
        """No granule is unknown."""
        return self.complete and not self._unknown

    def booted(self) -> None:
        """The RMM has just begun: nothing is delegated."""
        self.complete, self.features, self.aux_count, self.attestation = True, False, False, False
        self._unknown.clear()
        self._seen.clear()
        self._memory.clear()

    def lost(self) -> None:
        """Records are missing: any granule may be anything now."""
        self.complete = False
        self._unknown.clear()
        self._seen.clear()

    def learn(self, pas: Iterable[int]) -> None:
        """These granules are now as the world has them."""
        if self.complete:
            self._unknown.difference_update(pas)
        else:
            self._seen.update(pas)

    def forget(self, pas: Iterable[int]) -> None:
        """What these granules are is not known any more."""
        if self.complete:
            self._unknown.update(pas)
        else:
            self._seen.difference_update(pas)

    def knows(self, pa: int, world: World) -> bool:
        """The granule is as the world has it; one of a known realm always is."""
        granule = world.granules.get(pa)
        if granule is not None and granule.owner is not None:
            return True
        pa -= pa % GRANULE_BYTES
        return pa not in self._unknown if self.complete else pa in self._seen

    def is_memory(self, pa: int) -> bool:
        """Near this address something was delegated before, or read by the RMM."""
        return pa >> CHUNK_BITS in self._memory

    def found_memory(self, pas: Iterable[int]) -> None:
        """The RMM took these addresses as granules."""
        self._memory.update(pa >> CHUNK_BITS for pa in pas)
