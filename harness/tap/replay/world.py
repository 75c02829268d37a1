# SPDX-License-Identifier: BSD-3-Clause
"""The model's state with granules in chunks: a change copies two small tables, not all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from harness.model import Granule, GranuleState, Layout, Platform, Region, State
from harness.model.state import UNDELEGATED
from harness.model.verdict import Verdict

CHUNK_BITS = 21
_ALL_FEATURES = (1 << 64) - 1
_ALL_MEMORY = 1 << 52

_Chunks = dict[int, dict[int, Granule]]


class GranuleMap(Mapping[int, Granule]):
    """Granules by PA; never changed, only replaced by ``changed``."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: _Chunks | None = None) -> None:
        self._chunks: _Chunks = chunks or {}

    def changed(self, changes: Mapping[int, Granule]) -> GranuleMap:
        """A copy with these granules; those that are UNDELEGATED take no room."""
        chunks = dict(self._chunks)
        fresh: set[int] = set()
        for pa, granule in changes.items():
            number = pa >> CHUNK_BITS
            if number not in fresh:
                fresh.add(number)
                chunks[number] = dict(chunks.get(number, {}))
            if granule.state is GranuleState.UNDELEGATED:
                chunks[number].pop(pa, None)
            else:
                chunks[number][pa] = granule
        for number in fresh:
            if not chunks[number]:
                del chunks[number]
        return GranuleMap(chunks)

    def put(self, pa: int, granule: Granule) -> None:
        """Change it in place: only for whoever has the only reference to it."""
        chunk = self._chunks.setdefault(pa >> CHUNK_BITS, {})
        if granule.state is not GranuleState.UNDELEGATED:
            chunk[pa] = granule
            return
        chunk.pop(pa, None)
        if not chunk:
            del self._chunks[pa >> CHUNK_BITS]

    def get(self, pa: int, default: Granule | None = None) -> Granule | None:  # type: ignore[override]
        """The granule, without an exception on the way."""
        chunk = self._chunks.get(pa >> CHUNK_BITS)
        return default if chunk is None else chunk.get(pa, default)

    def __getitem__(self, pa: int) -> Granule:
        return self._chunks[pa >> CHUNK_BITS][pa]

    def __iter__(self) -> Iterator[int]:
        return (pa for chunk in self._chunks.values() for pa in chunk)

    def __len__(self) -> int:
        return sum(len(chunk) for chunk in self._chunks.values())


@dataclass(frozen=True, slots=True)
class World(State):
    """A state whose granules are a ``GranuleMap``.

    ``resumes`` has for each REC what the SMC returns with which its realm goes on after the
    last entry; None if nobody can tell.
    """

    granules: GranuleMap = field(default_factory=GranuleMap)
    resumes: Mapping[int, Verdict | None] = field(default_factory=dict)

    def granule(self, pa: int) -> Granule:
        """State of a granule, wherever it lies."""
        return self.granules.get(pa) or UNDELEGATED

    def with_granules(self, changes: Mapping[int, Granule]) -> Self:
        """A copy in which these granules are as given."""
        return replace(self, granules=self.granules.changed(changes))

    def entered(self, rec: int, verdict: Verdict | None) -> Self:
        """A copy in which this is what the REC's realm sees when it goes on."""
        return replace(self, resumes={**self.resumes, rec: verdict})

    def without(self, rd: int) -> Self:
        """A copy in which nothing is known of a realm: RD, RECs and all its granules are gone."""
        mine = {pa for pa in self.granules if self.granule(pa).owner == rd}
        return replace(
            self,
            granules=self.granules.changed(dict.fromkeys(mine, UNDELEGATED)),
            realms={pa: realm for pa, realm in self.realms.items() if pa != rd},
            recs={pa: rec for pa, rec in self.recs.items() if rec.rd != rd},
            resumes={pa: seen for pa, seen in self.resumes.items() if pa not in mine},
        )


def new_world(ram_base: int, ram_size: int) -> World:
    """A machine after its boot.

    The file tells where RAM lies, the rest is learnt from the RMM's own answers. Where RAM
    is not told, all addresses may be memory. QEMU's trapping of WFE is not known: both are right.
    """
    top = ram_base + ram_size if ram_size else _ALL_MEMORY
    layout = Layout((Region(ram_base if ram_size else 0, top),))
    return World(Platform(layout, _ALL_FEATURES))
