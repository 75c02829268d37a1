# SPDX-License-Identifier: BSD-3-Clause
"""Made-up addresses: where there is something to find, and where there is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.model import GranuleState, Hipas, Realm, State
from harness.model.rtt import LAST_LEVEL, Table, entry_bytes
from harness.oracle.dice import Dice
from harness.oracle.ground import HEAP, Ground
from harness.types import GRANULE_BYTES, align_down

_BLOCK = entry_bytes(LAST_LEVEL - 1)
_PAGES = (0, 0, 1, 2, 3, 511)
_ODD_IPAS = (1 << 40, 1 << 48, (1 << 64) - GRANULE_BYTES, 1 << 39, 0x800)


@dataclass(frozen=True, slots=True)
class Places:
    """Chooses granules and IPAs for a state."""

    ground: Ground
    dice: Dice

    def low(self, realm: Realm) -> int:
        """First protected IPA that is used: the program lies below it, where there is one."""
        return HEAP if realm.protected_top > HEAP else 0

    def protected(self, realm: Realm) -> int:
        """A page in the protected half, mostly one that has its entry."""
        return self._near(realm, self.low(realm))

    def unprotected(self, realm: Realm) -> int:
        """A page in the other half, mostly one that has its entry."""
        return self._near(realm, realm.protected_top)

    def ipa(self, realm: Realm) -> int:
        """A page somewhere; once in a while beyond everything."""
        kind = self.dice.number(32)
        if kind == 31:
            return self.dice.of(_ODD_IPAS)
        return self.protected(realm) if kind < 20 else self.unprotected(realm)

    def mapped(self, realm: Realm) -> int:
        """A page that the realm can reach, every other time; else any."""
        kind = self.dice.number(4)
        if kind < 2:
            found = self.leaf(realm, Hipas.ASSIGNED_NS if kind else Hipas.ASSIGNED)
            if found is not None:
                return found
        return self.ipa(realm)

    def _near(self, realm: Realm, base: int) -> int:
        page = self.dice.of(_PAGES) * GRANULE_BYTES
        if self.dice.number(4):
            last = [t.base for t in realm.rtts.values() if t.level == LAST_LEVEL]
            found = [
                at
                for at in last
                if at >= base and (at < realm.protected_top) == (base < realm.protected_top)
            ]
            if found:
                return self.dice.of(found) + page
        region = self.dice.of((0, 0, 0, 0, 0, _BLOCK, _BLOCK, 512 * _BLOCK))
        return base + region + page

    def leaf(self, realm: Realm, hipas: Hipas) -> int | None:
        """The IPA of an entry in this state, if a table above the program has one."""
        found = [
            table.ipa(index)
            for table in self.tables(realm)
            for index, entry in table.overrides.items()
            if entry.hipas is hipas
        ]
        return self.dice.of(found) if found else None

    def table(self, realm: Realm) -> Table | None:
        """A table that is no root."""
        found = [table for table in self.tables(realm) if table.level > realm.start_level]
        return self.dice.of(found) if found else None

    def tables(self, realm: Realm) -> Iterable[Table]:
        """The tables that may be spoilt: the program's are left out."""
        low = align_down(self.low(realm), entry_bytes(1))
        return (table for table in realm.rtts.values() if table.base >= low)

    def delegated(self, state: State) -> int:
        """A granule that is DELEGATED, any other if there is none."""
        return self._granule(state, GranuleState.DELEGATED)

    def fresh(self, state: State) -> int:
        """A granule that is Non-secure."""
        missing = [pa for pa in self.ground.pool if pa not in state.granules]
        return self.dice.of(missing or self.ground.pool)

    def pair(self, state: State) -> int:
        """Two DELEGATED granules side by side, aligned; one that is, if there are none."""
        granules = state.granules
        free = [pa for pa, g in granules.items() if g.state is GranuleState.DELEGATED]
        both = [pa for pa in free if not pa % (2 * GRANULE_BYTES) and pa + GRANULE_BYTES in free]
        return self.dice.of(both or free or self.ground.pool)

    def several(self, state: State, count: int) -> tuple[int, ...]:
        """Granules that are DELEGATED: different ones while they last, or once in a while not."""
        found = [pa for pa, g in state.granules.items() if g.state is GranuleState.DELEGATED]
        if self.dice.chance(16):
            return tuple(self.dice.of(found or self.ground.pool) for _ in range(count))
        first = self.dice.number(max(len(found), 1))
        found = [*found[first:], *found[:first], *self.ground.pool]
        return tuple(found[:count])

    def _granule(self, state: State, kind: GranuleState) -> int:
        found = [pa for pa, granule in state.granules.items() if granule.state is kind]
        return self.dice.of(found or self.ground.pool)

    def any_granule(self, state: State) -> int:
        """A granule in any state, whatever it belongs to."""
        used = list(state.granules)
        return self.dice.of(used if used and not self.dice.chance(4) else self.ground.pool)

    def wild(self, state: State) -> int:
        """Anything but what was asked for."""
        kind = self.dice.number(8)
        if kind < 4:
            return self.any_granule(state)
        if kind == 4:
            return self.any_granule(state) + self.dice.of((0x800, 1, 0x40))
        if kind == 5:
            return self.dice.of(self.ground.places)
        if kind == 6:
            return self.dice.of((*_ODD_IPAS, HEAP, HEAP + _BLOCK, HEAP + 1))
        return self.dice.of((0, 1, 2, 3, 4, (1 << 64) - 1, (1 << 64) - 3, 1 << 52))
