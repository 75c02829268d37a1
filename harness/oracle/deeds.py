# SPDX-License-Identifier: BSD-3-Clause
"""Made-up deeds of a realm."""

from __future__ import annotations

from dataclasses import dataclass

from harness.abi import tables
from harness.model import Access, GicAccess, Hvc, Kind, Realm, Rec, Smc, State, Wait
from harness.model.params import mpidr_of
from harness.oracle.dice import Dice
from harness.oracle.ground import Ground
from harness.oracle.memory import is_destroyed
from harness.oracle.places import Places
from harness.oracle.steps import Deed, Nap, Nop
from harness.types import GRANULE_BYTES, MASK64, align_down

_RSI = tuple(c for c in tables().commands if c.startswith("RSI_"))
_PSCI = tuple(c for c in tables().commands if c.startswith(("PSCI_", "SMCCC_")))
_FIDS = {name: command.fid for name, command in tables().commands.items()}
_OFTEN = ("RSI_IPA_STATE_SET", "RSI_IPA_STATE_SET", "RSI_IPA_STATE_GET", "PSCI_CPU_ON")
_ALL = (*_RSI, *_PSCI, *_OFTEN)
_RARE = ("PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET", "PSCI_CPU_OFF")
_ODD_FIDS = (0xC400_01FF, 0x8400_0013, 0xC400_0150, 0x8400_0003, 0xC600_0000, 0)
_ON_A_PAGE = frozenset(_FIDS[name] for name in ("RSI_HOST_CALL", "RSI_REALM_CONFIG"))
_SGI1R_ISS = 3 << 20 | 5 << 17 | 12 << 10 | 11 << 1
_IN_PAGE = (0, 8, 0x10, 0x7F8, 0xFF8)
_VALUES = (0, 0x8081_8283_8485_8687, 0x1122_3344_5566_7788, 2**64 - 1)


@dataclass(frozen=True, slots=True)
class Deeds:
    """Makes up what the program on a REC is told."""

    ground: Ground
    dice: Dice
    places: Places

    def some(self, state: State, rec: Rec, *, may_nap: bool) -> Deed:
        """Anything; memory that is DESTROYED is mostly made RAM, it would stop the program."""
        made = self._any(state, rec, may_nap=may_nap)
        realm = state.realms[rec.rd]
        page = _page_of(made)
        if page is None or not is_destroyed(realm, page) or self.dice.chance(16):
            return made
        return Smc((_FIDS["RSI_IPA_STATE_SET"], page, page + GRANULE_BYTES, 1, 1))

    def _any(self, state: State, rec: Rec, *, may_nap: bool) -> Deed:
        realm = state.realms[rec.rd]
        kind = self.dice.number(32)
        if kind < 16:
            return self.access(realm)
        if kind < 26:
            return self.smc(realm)
        if kind == 26 and may_nap:
            return Nap()
        rest = (Nop(), Hvc(), Wait(), Wait(is_wfe=True), GicAccess(_SGI1R_ISS, 0x1_0001))
        return rest[min(kind - 27, len(rest) - 1)] if kind >= 27 else Nop()

    def access(self, realm: Realm) -> Access:
        """Memory accesses as the program can make them."""
        ipa = self.places.mapped(realm) + self.dice.of(_IN_PAGE)
        kind = self.dice.number(8)
        value = self.dice.of(_VALUES)
        if kind == 6:
            pair = self.dice.of((Kind.READ, Kind.WRITE))
            return Access(ipa, pair, 16, value, has_syndrome=False)
        if kind == 7:
            return Access(self.places.mapped(realm), Kind.FETCH)
        width = self.dice.of((8, 4, 2, 1))
        if kind == 5 and width < 8:
            bits = self.dice.of((64, 32)) if width < 4 else 64
            return Access(ipa, Kind.READ, width, register_bits=bits, sign_extend=True)
        bits = 64 if width == 8 else 32
        what = Kind.WRITE if kind >= 3 else Kind.READ
        written = value & ((1 << 8 * width) - 1) if what is Kind.WRITE else 0
        return Access(ipa, what, width, written, register_bits=bits)

    def smc(self, realm: Realm) -> Smc:
        """A call, mostly with sensible arguments."""
        name = self.dice.of(_ALL)
        if name in _RARE and not self.dice.chance(8):
            name = "RSI_IPA_STATE_SET"
        if self.dice.chance(32):
            return Smc((self.dice.of(_ODD_FIDS), 1))
        # The end of a range may lie beyond the last address: registers wrap around.
        return Smc((_FIDS[name], *(word & MASK64 for word in self._arguments(name, realm))))

    def _arguments(self, name: str, realm: Realm) -> tuple[int, ...]:
        page = self.places.mapped(realm)
        size = self.dice.of((1, 1, 2, 4, 512)) * GRANULE_BYTES
        odd = self.dice.of((0, 0, 0, 0, 0, 0, 0, 1))
        if name.startswith("RSI_IPA_STATE"):
            base = self.places.protected(realm) if self.dice.number(8) else page
            flags = (self.dice.number(3), self.dice.number(2))
            return (base + odd, base + size, *(flags if name.endswith("SET") else ()))
        if name.startswith("RSI_MEASUREMENT"):
            words = tuple(self.dice.of(_VALUES) for _ in range(2))
            return (self.dice.number(6), self.dice.of((32, 0, 64, 65, 1)), *words)
        if name in ("PSCI_CPU_ON", "PSCI_AFFINITY_INFO"):
            return self._about_cpu(name, realm, page)
        if name in ("PSCI_FEATURES", "RSI_FEATURES", "RSI_VERSION"):
            return (self.dice.of((_FIDS[self.dice.of(_PSCI)], 0, 1, 0x1_0000)),)
        return (page + odd * 8, 0, GRANULE_BYTES)

    def _about_cpu(self, name: str, realm: Realm, page: int) -> tuple[int, ...]:
        index = self.dice.of((1, 0, 2, max(realm.next_index - 1, 0), realm.next_index, 17))
        mpidr = mpidr_of(index) | self.dice.of((0, 0, 0, 0, 0, 0, 0, 1 << 31))
        if name == "PSCI_AFFINITY_INFO":
            return (mpidr, self.dice.of((0, 0, 0, 1)))
        secondary = self.ground.program.secondary_entry
        entry = self.dice.of((secondary, secondary, secondary, secondary, page))
        return (mpidr, entry, 0x1234)


def _page_of(deed: Deed) -> int | None:
    """The page whose lack would stop the program."""
    if isinstance(deed, Access):
        return align_down(deed.ipa, GRANULE_BYTES)
    if isinstance(deed, Smc) and deed.arg(0) in _ON_A_PAGE:
        return align_down(deed.arg(1), GRANULE_BYTES)
    return None
