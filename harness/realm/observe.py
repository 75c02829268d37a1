# SPDX-License-Identifier: BSD-3-Clause
"""What can be seen of a monitor's state from outside, as a value to compare.

::

    before = observe(world, scope)
    ...a call that has to fail...
    assert changes(before, observe(world, scope)) == []

Three ways of looking, none of which needs the monitor's help to be believed: contents of
granules (RD with the measurements, RECs, tables, data) through memory that harness and
machine share; whether the normal world may access them, by trying; and the entries of
tables as RMI_RTT_READ_ENTRY shows them. Contents are left out on links that cannot see
another world's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.link import MailboxLink
from harness.realm.normal_world import NormalWorld
from harness.types import GRANULE_BYTES, Pa

_SHOWN_BYTES = 8


@dataclass(frozen=True, slots=True)
class EntryAt:
    """One entry of a realm's tables: RD, IPA (aligned to the level), level."""

    rd: int
    ipa: int
    level: int

    def __str__(self) -> str:
        return f"entry of IPA {self.ipa:#x} towards level {self.level} of realm {self.rd:#x}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at.

    ``contents``: granules whose bytes must stay, with what they are; ``accessible``: granules
    that the normal world tries to read; ``entries``: what RMI_RTT_READ_ENTRY is asked for.
    """

    contents: dict[int, str]
    accessible: tuple[int, ...]
    entries: tuple[EntryAt, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at one moment, by what was looked at."""

    contents: dict[str, bytes]
    faults: dict[int, bool]
    entries: dict[EntryAt, tuple[int, ...]]


def observe(world: NormalWorld, scope: Scope) -> Snapshot:
    """Look at everything in the scope: about 20 us an entry, 2 us a granule."""
    sees_all = isinstance(world.link, MailboxLink)
    contents = {
        f"{name} {pa:#x}": world.link.read(pa, GRANULE_BYTES)
        for pa, name in scope.contents.items()
        if sees_all
    }
    faults = {
        base + number * GRANULE_BYTES: fault
        for base, count in _runs(scope.accessible)
        for number, fault in enumerate(world.link.probe(Pa(base), count))
    }
    rows = [(at.rd, at.ipa, at.level) for at in scope.entries]
    answers = world.rmi.each("RMI_RTT_READ_ENTRY", rows)
    entries = {at: seen.x[:5] for at, seen in zip(scope.entries, answers, strict=True)}
    return Snapshot(contents, faults, entries)


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """One line for each thing that is not as it was, with where and how it differs."""
    return [
        *(
            f"contents of {name}: {_first_difference(old, after.contents[name])}"
            for name, old in before.contents.items()
            if old != after.contents[name]
        ),
        *(
            f"{Pa(pa)}: the normal world {_may(fault)} access it before, {_may(not fault)} now"
            for pa, fault in before.faults.items()
            if fault != after.faults[pa]
        ),
        *(
            f"{at}: {_words(old)} before, {_words(after.entries[at])} now"
            for at, old in before.entries.items()
            if old != after.entries[at]
        ),
    ]


def _runs(granules: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Adjacent granules as (first, count)."""
    base, count = 0, 0
    for pa in sorted(granules):
        if count and pa == base + count * GRANULE_BYTES:
            count += 1
            continue
        if count:
            yield base, count
        base, count = pa, 1
    if count:
        yield base, count


def _first_difference(old: bytes, new: bytes) -> str:
    differ = [n for n, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    at = differ[0] & -_SHOWN_BYTES
    was, now = (piece[at : at + _SHOWN_BYTES].hex() for piece in (old, new))
    return f"{len(differ)} bytes differ, at {at:#x}: {was} before, {now} now"


def _may(fault: bool) -> str:
    return "cannot" if fault else "can"


def _words(values: tuple[int, ...]) -> str:
    return "(" + ", ".join(f"{value:#x}" for value in values) + ")"
