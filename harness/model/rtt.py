# SPDX-License-Identifier: BSD-3-Clause
"""Realm translation tables: entries (HIPAS × RIPAS), tables, walks.

A table is a default entry and what differs from it, so that a table of 512 equal entries
costs as much as one entry. Where the default maps memory, entry *i* maps the *i*-th piece
of a contiguous run: what unfolding a block gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from harness.abi import tables
from harness.types import GRANULE_BYTES

ENTRIES = 512
LAST_LEVEL = 3
MAX_ROOT_TABLES = 16
BITS_PER_LEVEL = 9
PAGE_BITS = 12

_RIPAS = tables().enum("RmiRipas")


class Hipas(StrEnum):
    """Host IPA state, the unprotected ones included (state-machines.md 4)."""

    UNASSIGNED = "UNASSIGNED"
    ASSIGNED = "ASSIGNED"
    UNASSIGNED_NS = "UNASSIGNED_NS"
    ASSIGNED_NS = "ASSIGNED_NS"
    TABLE = "TABLE"


class Ripas(IntEnum):
    """Realm IPA state; EMPTY also stands where an entry has none."""

    EMPTY = _RIPAS["EMPTY"]
    RAM = _RIPAS["RAM"]
    DESTROYED = _RIPAS["DESTROYED"]


_WITH_PA = frozenset({Hipas.ASSIGNED, Hipas.ASSIGNED_NS, Hipas.TABLE})
_MAPPED = frozenset({Hipas.ASSIGNED, Hipas.ASSIGNED_NS})
_COUNTED = frozenset({Hipas.ASSIGNED, Hipas.TABLE})


@dataclass(frozen=True, slots=True)
class Entry:
    """One RTT entry; ``attributes`` are the host's descriptor bits of ASSIGNED_NS."""

    hipas: Hipas
    ripas: Ripas = Ripas.EMPTY
    pa: int = 0
    attributes: int = 0

    @property
    def is_live(self) -> bool:
        """Holds a PA, which is what the ``top`` scan stops at."""
        return self.hipas in _WITH_PA

    @property
    def is_mapped(self) -> bool:
        """Maps memory, as a page or a block."""
        return self.hipas in _MAPPED

    @property
    def keeps_table(self) -> bool:
        """Counts as a reference: its table cannot be destroyed."""
        return self.hipas in _COUNTED


UNASSIGNED_NS = Entry(Hipas.UNASSIGNED_NS)
UNASSIGNED = {ripas: Entry(Hipas.UNASSIGNED, ripas) for ripas in Ripas}


def entry_bits(level: int) -> int:
    """Address bits below an entry of this level."""
    return PAGE_BITS + BITS_PER_LEVEL * (LAST_LEVEL - level)


def entry_bytes(level: int) -> int:
    """Bytes that an entry of this level maps."""
    return 1 << entry_bits(level)


def root_shape_is_valid(ipa_width: int, level: int, count: int) -> bool:
    """The start level resolves 1 to 13 bits, with as many root tables as that needs."""
    resolved = ipa_width - entry_bits(level)
    needed = 1 << max(0, resolved - BITS_PER_LEVEL)
    return resolved >= 1 and needed <= MAX_ROOT_TABLES and count == needed


@dataclass(frozen=True, slots=True)
class Table:
    """512 entries from IPA ``base``; those from ``split`` on are UNASSIGNED_NS by default."""

    level: int
    base: int
    default: Entry
    split: int = ENTRIES
    overrides: Mapping[int, Entry] = field(default_factory=dict)

    def plain(self, index: int) -> Entry:
        """What an entry is that was never changed."""
        if index >= self.split:
            return UNASSIGNED_NS
        if self.default.is_mapped and index:
            first = self.default
            pa = first.pa + index * entry_bytes(self.level)
            return Entry(first.hipas, first.ripas, pa, first.attributes)
        return self.default

    def entry(self, index: int) -> Entry:
        """The entry with this index."""
        found = self.overrides.get(index)
        return self.plain(index) if found is None else found

    def ipa(self, index: int) -> int:
        """First IPA of an entry; index 512 gives the end of the table."""
        return self.base + index * entry_bytes(self.level)

    def with_entries(self, changes: Mapping[int, Entry]) -> Table:
        """A copy in which these entries are replaced."""
        overrides = {**self.overrides, **changes}
        for index, entry in changes.items():
            if entry == self.plain(index):
                del overrides[index]
        return replace(self, overrides=overrides)

    def next_live(self, index: int) -> int:
        """Index of the first live entry from ``index`` on; 512 when there is none."""
        if not self.default.is_live:
            live = (i for i, e in self.overrides.items() if i >= index and e.is_live)
            return min(live, default=ENTRIES)
        return next((i for i in range(index, ENTRIES) if self.entry(i).is_live), ENTRIES)

    @property
    def is_live(self) -> bool:
        """Cannot be destroyed: a protected ASSIGNED entry or a table below."""
        if self.default.keeps_table and len(self.overrides) < ENTRIES:
            return True
        return any(entry.keeps_table for entry in self.overrides.values())

    def folded(self) -> Entry | None:
        """The parent entry that stands for all entries alike; None when they are not.

        Overrides differ from the default, so a table with both is never homogeneous.
        """
        first = self.entry(0)
        if first.hipas is Hipas.TABLE or 0 < len(self.overrides) < ENTRIES:
            return None
        run = Table(self.level, self.base, first)
        if any(entry != run.plain(index) for index, entry in self.overrides.items()):
            return None
        aligned = first.pa % entry_bytes(self.level - 1) == 0
        return first if aligned or not first.is_mapped else None

    @property
    def is_all_mapped(self) -> bool:
        """Every entry is ASSIGNED, or every entry is ASSIGNED_NS."""
        kinds = {entry.hipas for entry in self.overrides.values()}
        if len(self.overrides) < ENTRIES:
            kinds.add(self.default.hipas)
        return len(kinds) == 1 and kinds <= _MAPPED


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk ended: table (by PA), index in it, entry there."""

    table_pa: int
    table: Table
    index: int

    @property
    def entry(self) -> Entry:
        """The entry where the walk ended."""
        return self.table.entry(self.index)

    @property
    def level(self) -> int:
        """The level where the walk ended."""
        return self.table.level

    @property
    def ipa(self) -> int:
        """First IPA of the entry."""
        return self.table.ipa(self.index)

    def top(self, ipa: int) -> int:
        """``ipa`` when the entry is live, else the next live IPA or the end of the table."""
        if self.entry.is_live:
            return ipa
        return self.table.ipa(self.table.next_live(self.index + 1))


def walk_tables(
    rtts: Mapping[int, Table], root_pa: int, start_level: int, ipa: int, level: int
) -> Walk:
    """Walk from the root tables towards ``level``; stops early at a leaf."""
    bits = entry_bits(start_level)
    number = ipa >> (bits + BITS_PER_LEVEL)
    pa, at = root_pa + number * GRANULE_BYTES, start_level
    while True:
        table = rtts[pa]
        index = ipa >> bits & (ENTRIES - 1)
        entry = table.overrides.get(index)
        if at == level or entry is None or entry.hipas is not Hipas.TABLE:
            return Walk(pa, table, index)
        pa, at, bits = entry.pa, at + 1, bits - BITS_PER_LEVEL
