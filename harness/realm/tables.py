# SPDX-License-Identifier: BSD-3-Clause
"""A realm's translation tables from the host's side: create, map, tear down.

The host never keeps a shadow of the tables: it does what the RMM's answers tell it
(missing level → create a table there; live entry → go on at ``top``), as a hypervisor
with only the ABI would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.abi import tables as abi_tables
from harness.errors import RealmError
from harness.realm.config import LAST_LEVEL, entry_bytes
from harness.realm.normal_world import NormalWorld
from harness.realm.unwind import afterwards, on_failure
from harness.rmi import CommandFailed, Result, Ripas, RttState
from harness.types import GRANULE_BYTES, Ipa, Pa, align_down

_DESC = abi_tables().bitfield("UnprotectedDesc")
NORMAL_WRITE_BACK = 0b110
S2AP_READ_WRITE = 0b11
S2AP_READ_ONLY = 0b01
_PAGES_AHEAD = 128


@dataclass(frozen=True, slots=True)
class RttEntry:
    """What RMI_RTT_READ_ENTRY said: where the walk ended and what is there."""

    level: int
    state: RttState
    desc: int
    ripas: Ripas


def unprotected_desc(
    pa: Pa | int, *, mem_attr: int = NORMAL_WRITE_BACK, s2ap: int = S2AP_READ_WRITE
) -> int:
    """Descriptor for RMI_RTT_MAP_UNPROTECTED: output address, MemAttr[4:2], S2AP[7:6]."""
    return int(pa) | _DESC.encode(MemAttr=mem_attr, S2AP=s2ap)


class RealmTables:
    """The RTTs of one realm."""

    def __init__(self, world: NormalWorld, rd: Pa, start_level: int, ipa_width: int) -> None:
        self.world = world
        self.rd = rd
        self.start_level = start_level
        self.ipa_width = ipa_width

    @property
    def unprotected_base(self) -> Ipa:
        """First address of the unprotected half."""
        return Ipa(1 << (self.ipa_width - 1))

    def entry(self, ipa: Ipa | int, level: int = LAST_LEVEL) -> RttEntry:
        """Read the entry for ``ipa`` walking towards ``level``."""
        at = align_down(int(ipa), entry_bytes(level))
        seen = self.world.rmi.rtt_read_entry(self.rd, at, level).require()
        return RttEntry(seen.walk_level, RttState(seen.state), seen.desc, Ripas(seen.ripas))

    def create(self, ipa: Ipa | int, level: int) -> Pa:
        """Delegate a granule and make it the table at ``level`` that covers ``ipa``."""
        [granule] = self._create_each(ipa, [level])
        return granule

    def _create_each(self, ipa: Ipa | int, levels: Sequence[int]) -> list[Pa]:
        """As ``create``, a table for each level from the highest on."""
        taken = [self.world.pool.take() for _ in levels]
        self.world.delegate_each(taken)
        rows = [
            (int(self.rd), int(granule), align_down(int(ipa), entry_bytes(level - 1)), level)
            for granule, level in zip(taken, levels, strict=True)
        ]
        done = self.world.rmi.each("RMI_RTT_CREATE", rows, stop_at_failure=True)
        made = sum(result.ok for result in done)
        with on_failure(lambda: self.world.undelegate_each(taken[made:])):
            if made < len(done):
                raise CommandFailed(f"wanted a table at level {levels[made]}, seen {done[-1]}")
        return taken

    def ensure(self, ipa: Ipa | int, level: int = LAST_LEVEL) -> None:
        """Create the missing tables down to ``level``."""
        self._create_each(ipa, range(self.entry(ipa, level).level + 1, level + 1))

    def fold(self, ipa: Ipa | int, level: int) -> Result:
        """Fold the table at ``level``; its granule is given back on success."""
        base = align_down(int(ipa), entry_bytes(level - 1))
        result = self.world.rmi.rtt_fold(self.rd, base, level)
        if result.ok:
            self.world.undelegate(result.rtt)
        return result

    def map_unprotected(
        self, ipa: Ipa | int, pa: Pa | int, level: int = LAST_LEVEL, **attributes: int
    ) -> None:
        """Map normal-world memory at an unprotected address."""
        self.ensure(ipa, level)
        desc = unprotected_desc(pa, **attributes)
        self.world.rmi.rtt_map_unprotected(self.rd, ipa, level, desc).require()

    def init_ripas(self, base: Ipa | int, top: Ipa | int) -> list[tuple[int, int, int]]:
        """Make [base, top) RAM before activation, with blocks where they fit.

        Returns what was processed as (base, top, entry size in bytes), in order, which is
        what the measurement depends on.
        """
        done: list[tuple[int, int, int]] = []
        at = int(base)
        while at < top:
            result = self.world.rmi.rtt_init_ripas(self.rd, at, top)
            if result.ok:
                level = self.entry(at).level
                done.append((at, result.out_top, entry_bytes(level)))
                at = _progress(result, at, result.out_top)
            elif result.status == "RMI_ERROR_RTT" and result.index < LAST_LEVEL:
                self.create(at, result.index + 1)
            else:
                result.require()
        return done

    def set_ripas(self, rec: Pa, base: Ipa | int, top: Ipa | int) -> None:
        """Answer a RIPAS change on [base, top) completely, creating tables on the way."""
        at = int(base)
        while at < top:
            result = self.world.rmi.rtt_set_ripas(self.rd, rec, at, top)
            if result.ok:
                at = _progress(result, at, result.out_top)
            elif result.status == "RMI_ERROR_RTT" and result.index < LAST_LEVEL:
                self.create(at, result.index + 1)
            else:
                result.require()

    def tear_down(self) -> None:
        """Unmap everything and destroy all tables but the root ones.

        Every granule that comes free is undelegated, those of tables at the end.
        """
        freed: list[Pa | int] = []
        with afterwards(lambda: self.world.undelegate_each(freed)):
            self._tear_down(0, 1 << self.ipa_width, self.start_level + 1, freed)

    def _tear_down(self, base: int, end: int, level: int, freed: list[Pa | int]) -> None:
        """Empty [base, end): destroy the tables at ``level`` and what lies below."""
        size = entry_bytes(level - 1)
        at, emptied = base, -1
        while at < end:
            result = self.world.rmi.rtt_destroy(self.rd, at, level)
            if result.ok:
                freed.append(result.rtt)
                at = max(result.top, at + size)
            elif result.status != "RMI_ERROR_RTT":
                result.require()
            elif result.index == level:
                _progress(result, emptied, at)
                self._empty_table(at, at + size, level, freed)
                emptied = at
            elif result.top > at:
                at = _progress(result, at, align_down(result.top, size))
            else:
                self._empty_block(at, level - 1, freed)
                at += size

    def _empty_table(self, base: int, end: int, level: int, freed: list[Pa | int]) -> None:
        if level < LAST_LEVEL:
            self._tear_down(base, end, level + 1, freed)
        else:
            self.unmap_pages(base, end)

    def _empty_block(self, at: int, level: int, freed: list[Pa | int]) -> None:
        """Remove a block mapping: shared memory as it is, realm memory page by page."""
        if at >= self.unprotected_base:
            self.world.rmi.rtt_unmap_unprotected(self.rd, at, level).require()
            return
        self.create(at, level + 1)
        size = entry_bytes(level)
        self._empty_table(at, at + size, level + 1, freed)
        freed.append(self.world.rmi.rtt_destroy(self.rd, at, level + 1).require().rtt)

    def unmap_pages(self, base: Ipa | int, end: Ipa | int) -> None:
        """Destroy the data of [base, end), which lies in one last-level table."""
        at, ahead = int(base), 1
        while at < end:
            pages = [at + n * GRANULE_BYTES for n in range(ahead) if at + n * GRANULE_BYTES < end]
            rows = [(int(self.rd), page) for page in pages]
            *done, last = self.world.rmi.each("RMI_DATA_DESTROY", rows, stop_at_failure=True)
            freed = [result.data for result in (*done, last) if result.ok]
            self.world.undelegate_each(freed)
            at = pages[len(done)]
            if last.ok:
                at = max(last.top, at + GRANULE_BYTES)
                ahead = min(2 * ahead, _PAGES_AHEAD) if last.top == pages[-1] + GRANULE_BYTES else 1
            elif last.status == "RMI_ERROR_RTT" and last.top > at:
                at, ahead = last.top, 1
            else:
                last.require()


def _progress(result: Result, at: int, reached: int) -> int:
    """Return ``reached``; RealmError if the answer did not lead beyond ``at``."""
    if reached <= at:
        raise RealmError(
            f"no progress at {at:#x}: {result}", hint="the RMM gives the same answer for ever"
        )
    return reached
