# SPDX-License-Identifier: BSD-3-Clause
"""The state of an RMM: granules, realms, RECs. Values are never changed, only replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from harness.model.platform import Platform
from harness.model.rtt import Ripas, Table, Walk, walk_tables
from harness.types import GRANULE_BYTES

REMS = 4


class GranuleState(StrEnum):
    """State of a granule (state-machines.md 1)."""

    UNDELEGATED = "UNDELEGATED"
    DELEGATED = "DELEGATED"
    RD = "RD"
    REC = "REC"
    REC_AUX = "REC_AUX"
    RTT = "RTT"
    DATA = "DATA"


@dataclass(frozen=True, slots=True)
class Granule:
    """State and, where it belongs to a realm, that realm's RD."""

    state: GranuleState
    owner: int | None = None


UNDELEGATED = Granule(GranuleState.UNDELEGATED)
DELEGATED = Granule(GranuleState.DELEGATED)


class RealmState(StrEnum):
    """State of a realm (state-machines.md 2)."""

    NEW = "NEW"
    ACTIVE = "ACTIVE"
    SYSTEM_OFF = "SYSTEM_OFF"


class Token(StrEnum):
    """Attestation token generation on one REC, as far as it can be predicted."""

    NONE = "NONE"
    STARTED = "STARTED"
    MAYBE_COMPLETE = "MAYBE_COMPLETE"


@dataclass(frozen=True, slots=True)
class Realm:
    """A realm: parameters, tables by PA, measurements (64 bytes each)."""

    rd: int
    state: RealmState
    vmid: int
    ipa_width: int
    start_level: int
    rtt_base: int
    root_count: int
    hash_algo: int
    has_lpa2: bool
    rpv: bytes
    rim: bytes
    rems: tuple[bytes, ...]
    rtts: Mapping[int, Table]
    rec_count: int = 0
    next_index: int = 0

    @property
    def ipa_top(self) -> int:
        """End of the IPA space."""
        return 1 << self.ipa_width

    @property
    def protected_top(self) -> int:
        """End of the protected half."""
        return 1 << (self.ipa_width - 1)

    @property
    def root_pas(self) -> tuple[int, ...]:
        """The root tables' granules."""
        end = self.rtt_base + self.root_count * GRANULE_BYTES
        return tuple(range(self.rtt_base, end, GRANULE_BYTES))

    def is_protected(self, ipa: int) -> bool:
        """The IPA lies in the protected half."""
        return 0 <= ipa < self.protected_top

    def walk(self, ipa: int, level: int) -> Walk:
        """Walk towards ``level``, which is not above the start level."""
        return walk_tables(self.rtts, self.rtt_base, self.start_level, ipa, level)

    @property
    def is_live(self) -> bool:
        """Cannot be destroyed: it has RECs, or a root table has a live entry."""
        return self.rec_count > 0 or any(self.rtts[pa].is_live for pa in self.root_pas)


@dataclass(frozen=True, slots=True)
class PsciRequest:
    """A PSCI call that waits for RMI_PSCI_COMPLETE; ``target`` is a REC index."""

    fid: int
    target: int
    entry_point: int = 0
    context_id: int = 0


@dataclass(frozen=True, slots=True)
class RipasWindow:
    """An RSI_IPA_STATE_SET that the host may work on; ``addr`` is the progress."""

    addr: int
    top: int
    ripas: Ripas
    change_destroyed: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """The data abort at an unprotected IPA that the last exit reported.

    ``register`` gets the value of an emulated read: ``bits`` wide, sign extended or not.
    """

    is_emulatable: bool
    is_read: bool
    width_bytes: int
    sign_extend: bool
    register_bits: int


@dataclass(frozen=True, slots=True)
class Running:
    """A REC on a PE, and which of its instructions the host asked to trap."""

    pe: int
    trap_wfi: bool = False
    trap_wfe: bool = False


@dataclass(frozen=True, slots=True)
class Rec:
    """A REC. ``start`` is (pc, x0..x7) of its next cold start.

    ``psci_reply`` is the result that the next entry delivers, ``psci_kept`` x4..x7 of the
    call that it is for, as far as they are known; ``host_call`` the IPA of the
    structure of a pending host call.
    """

    pa: int
    rd: int
    index: int
    mpidr: int
    aux: tuple[int, ...]
    is_runnable: bool
    start: tuple[int, tuple[int, ...]]
    running: Running | None = None
    psci: PsciRequest | None = None
    psci_reply: int | None = None
    psci_kept: tuple[int | None, ...] = ()
    host_call: int | None = None
    ripas: RipasWindow | None = None
    abort: Abort | None = None
    sysreg_read: bool = False
    token: Token = Token.NONE

    @property
    def is_on(self) -> bool:
        """On in the sense of PSCI."""
        return self.is_runnable or self.running is not None


@dataclass(frozen=True, slots=True)
class State:
    """Everything the RMM knows; UNDELEGATED granules are not listed."""

    platform: Platform
    granules: Mapping[int, Granule] = field(default_factory=dict)
    realms: Mapping[int, Realm] = field(default_factory=dict)
    recs: Mapping[int, Rec] = field(default_factory=dict)

    def granule(self, pa: int) -> Granule:
        """State of a granule, wherever it lies."""
        return self.granules.get(pa, UNDELEGATED)

    def with_granules(self, changes: Mapping[int, Granule]) -> State:
        """A copy in which these granules are as given."""
        granules = {**self.granules, **changes}
        for pa, granule in changes.items():
            if granule is UNDELEGATED:
                del granules[pa]
        return replace(self, granules=granules)

    def with_realm(self, realm: Realm) -> State:
        """A copy with this realm, new or in place of the former."""
        return replace(self, realms={**self.realms, realm.rd: realm})

    def with_rec(self, rec: Rec) -> State:
        """A copy with this REC, new or in place of the former."""
        return replace(self, recs={**self.recs, rec.pa: rec})

    def without_realm(self, rd: int) -> State:
        """A copy without a realm."""
        return replace(self, realms={pa: r for pa, r in self.realms.items() if pa != rd})

    def without_rec(self, rec: int) -> State:
        """A copy without a REC."""
        return replace(self, recs={pa: r for pa, r in self.recs.items() if pa != rec})

    def recs_of(self, rd: int) -> list[Rec]:
        """The RECs of a realm."""
        return [rec for rec in self.recs.values() if rec.rd == rd]
