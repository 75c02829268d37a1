# SPDX-License-Identifier: BSD-3-Clause
"""Made-up calls of the host: arguments that fit the state together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.model import GranuleState, Hipas, Realm, RealmState, Rec, State, psci
from harness.model.params import mpidr_of
from harness.model.rtt import ENTRIES, LAST_LEVEL, entry_bytes
from harness.model.scenarios.good import ATTRIBUTES
from harness.oracle.dice import Dice
from harness.oracle.ground import SHARED_BLOCK, Ground
from harness.oracle.places import Places
from harness.oracle.steps import Fields, Issue
from harness.types import GRANULE_BYTES, align_down

RUN_PAGE = 480
"""Number of the host's page that is PE 0's run page; the other PEs' follow."""

_PARAMS_PAGE = 490
_VMIDS = 5
_SHAPES = ((40, 1, 2), (39, 1, 1), (30, 2, 1), (31, 2, 2), (40, 0, 1))
_BAD_SHAPES = ((40, 1, 1), (30, 1, 1), (49, 1, 1), (0, 2, 1), (40, 3, 1), (40, -1, 1), (39, 1, 0))
_READ, _WRITE = 1 << 6, 1 << 7
_ATTRIBUTES = (ATTRIBUTES, ATTRIBUTES, ATTRIBUTES & ~_WRITE, ATTRIBUTES & ~_READ, 0, 0x7FF)
_SIZES = (1, 1, 2, 4, ENTRIES)
GPRS = (0, 0x8899_AABB_CCDD_EEFF, 0x7F, 0x80, (1 << 64) - 1)
"""Values that the host hands over."""

_Args = tuple[int, ...]
Maker = Callable[[State, Rec | None], tuple[_Args, Fields]]


class HostCalls:
    """One method for each command; the realm and REC that it is about are chosen first."""

    def __init__(self, ground: Ground, dice: Dice, places: Places) -> None:
        self.ground = ground
        self.dice = dice
        self.places = places
        self._maker = self._makers()

    def _makers(self) -> Mapping[str, Maker]:
        return {
            "RMI_VERSION": self._index,
            "RMI_FEATURES": self._index,
            "RMI_GRANULE_DELEGATE": self._delegate,
            "RMI_GRANULE_UNDELEGATE": self._undelegate,
            "RMI_REALM_CREATE": self._realm_create,
            "RMI_REALM_ACTIVATE": self._about_realm,
            "RMI_REALM_DESTROY": self._about_realm,
            "RMI_REC_AUX_COUNT": self._about_realm,
            "RMI_REC_CREATE": self._rec_create,
            "RMI_REC_DESTROY": self._about_rec,
            "RMI_REC_ENTER": self._rec_enter,
            "RMI_PSCI_COMPLETE": self._psci_complete,
            "RMI_DATA_CREATE": self._data_create,
            "RMI_DATA_CREATE_UNKNOWN": self._data_create_unknown,
            "RMI_DATA_DESTROY": self._data_destroy,
            "RMI_RTT_CREATE": self._rtt_create,
            "RMI_RTT_DESTROY": self._about_table,
            "RMI_RTT_FOLD": self._about_table,
            "RMI_RTT_READ_ENTRY": self._about_entry,
            "RMI_RTT_MAP_UNPROTECTED": self._map,
            "RMI_RTT_UNMAP_UNPROTECTED": self._unmap,
            "RMI_RTT_INIT_RIPAS": self._init_ripas,
            "RMI_RTT_SET_RIPAS": self._set_ripas,
        }

    def make(self, name: str, state: State, pe: int, rec: Rec | None = None) -> Issue:
        """A call that may well succeed; ``rec`` is the one that asked for it."""
        args, fields = self._maker[name](state, rec)
        return Issue(name, args, pe, fields)

    def serve(self, state: State, pe: int, rec: Rec, ipa: int) -> Issue:
        """Bring a realm a little nearer to the page that it needs."""
        realm, free = state.realms[rec.rd], self.places.delegated(state)
        if state.granule(free).state is not GranuleState.DELEGATED:
            return Issue("RMI_GRANULE_DELEGATE", (self.places.fresh(state),), pe)
        level = self._reached(realm, ipa)
        if level < LAST_LEVEL:
            args = (rec.rd, free, align_down(ipa, entry_bytes(level)), level + 1)
            return Issue("RMI_RTT_CREATE", args, pe)
        if self.dice.chance(3):
            return Issue("RMI_DATA_DESTROY", (rec.rd, ipa), pe)
        return Issue("RMI_DATA_CREATE_UNKNOWN", (rec.rd, free, ipa), pe)

    def _index(self, _state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        return (self.dice.of((0x1_0000, 0, 1, 0x1_0001, 0x2_0000)),), ()

    def _delegate(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        return (self.places.fresh(state),), ()

    def _undelegate(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        return (self.places.delegated(state),), ()

    def _realm_create(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        dice = self.dice
        width, level, count = dice.of(_BAD_SHAPES if dice.chance(12) else _SHAPES)
        base = self.places.pair(state) if count == 2 else self.places.delegated(state)
        fields: Fields = (
            ("s2sz", width),
            ("rtt_level_start", level),
            ("rtt_num_start", count),
            ("num_bps", 1),
            ("num_wps", dice.of((1, 1, 1, 0x3F))),
            ("vmid", 1 + dice.number(_VMIDS)),
            ("rtt_base", base + (dice.of((GRANULE_BYTES, 0x800)) if dice.chance(24) else 0)),
            ("hash_algo", dice.of((0, 1, 0, 1, 0, 1, 2))),
        )
        return (self.places.delegated(state), self.ground.page(_PARAMS_PAGE)), fields

    def _rec_create(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        dice = self.dice
        realm = self._new_realm(state)
        index = realm.next_index + (dice.of((1, 2, 16)) if dice.chance(12) else 0)
        wanted = self.ground.platform.aux_granules
        rec, *aux = self.places.several(state, 1 + wanted)
        fields: Fields = (
            ("flags", dice.of((1, 1, 0))),
            ("mpidr", mpidr_of(index)),
            ("pc", self.ground.program.entry),
            ("gprs", (40, index)),
            ("num_aux", dice.number(18) if dice.chance(24) else wanted),
            ("aux", tuple(aux)),
        )
        return (realm.rd, rec, self.ground.page(_PARAMS_PAGE)), fields

    def _rec_enter(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        fields: Fields = (("flags", self.dice.number(32)), ("gprs", (self.dice.of(GPRS),)))
        return (self._rec(state).pa, self.ground.page(RUN_PAGE)), fields

    def _about_realm(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        return (self._realm(state).rd,), ()

    def _about_rec(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        return (self._rec(state).pa,), ()

    def _data_create(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        src, flags = self.dice.of(self.ground.sources), self.dice.of((1, 0, 1, 0, 2))
        realm = self._new_realm(state)
        ipa = self.places.protected(realm)
        return (realm.rd, self.places.delegated(state), ipa, src, flags), ()

    def _data_create_unknown(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        return (realm.rd, self.places.delegated(state), self.places.protected(realm)), ()

    def _data_destroy(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        found = None if self.dice.chance(4) else self.places.leaf(realm, Hipas.ASSIGNED)
        return (realm.rd, self.places.protected(realm) if found is None else found), ()

    def _rtt_create(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        ipa = self.places.ipa(realm)
        level = min(self._reached(realm, ipa) + 1, LAST_LEVEL)
        level = self._level(level)
        rtt = self.places.delegated(state)
        return (realm.rd, rtt, self._aligned(ipa, level - 1), level), ()

    def _about_table(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        table = self.places.table(realm)
        if table is None or self.dice.chance(8):
            level = self._level(LAST_LEVEL)
            return (realm.rd, self._aligned(self.places.ipa(realm), level - 1), level), ()
        return (realm.rd, table.base, table.level), ()

    def _about_entry(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        return (realm.rd, *self._entry(realm, self.places.ipa(realm))), ()

    def _map(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        ipa, level = self._entry(realm, self.places.unprotected(realm))
        desc = self._output(level) | self.dice.of(_ATTRIBUTES)
        return (realm.rd, ipa, level, desc), ()

    def _unmap(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._realm(state)
        found = None if self.dice.chance(4) else self.places.leaf(realm, Hipas.ASSIGNED_NS)
        ipa = self.places.unprotected(realm) if found is None else found
        return (realm.rd, *self._entry(realm, ipa)), ()

    def _init_ripas(self, state: State, _rec: Rec | None) -> tuple[_Args, Fields]:
        realm = self._new_realm(state)
        base = self.places.protected(realm)
        return (realm.rd, base, base + self.dice.of(_SIZES) * GRANULE_BYTES), ()

    def _set_ripas(self, state: State, rec: Rec | None) -> tuple[_Args, Fields]:
        rec = rec or self._rec(state)
        window = rec.ripas
        if window is None or self.dice.chance(8):
            base = self.places.protected(state.realms[rec.rd])
            return (rec.rd, rec.pa, base, base + self.dice.of(_SIZES) * GRANULE_BYTES), ()
        less = window.addr + GRANULE_BYTES
        more = window.top + GRANULE_BYTES
        top = self.dice.of((window.top, window.top, window.top, less, more))
        return (rec.rd, rec.pa, window.addr, top), ()

    def _psci_complete(self, state: State, rec: Rec | None) -> tuple[_Args, Fields]:
        rec = rec or self._rec(state)
        others = state.recs_of(rec.rd)
        asked = [o for o in others if rec.psci is not None and o.index == rec.psci.target]
        wrong = self.dice.chance(8) or not asked
        target = self.dice.of(list(state.recs.values()) if wrong else asked)
        answers = (psci.SUCCESS, psci.SUCCESS, psci.SUCCESS, psci.DENIED, psci.ALREADY_ON)
        return (rec.pa, target.pa, self.dice.of(answers)), ()

    def _realm(self, state: State) -> Realm:
        return self.dice.of(list(state.realms.values()))

    def _new_realm(self, state: State) -> Realm:
        """One that is NEW, mostly."""
        new = [r for r in state.realms.values() if r.state is RealmState.NEW]
        return self.dice.of(new) if new and not self.dice.chance(8) else self._realm(state)

    def _rec(self, state: State) -> Rec:
        return self.dice.of(list(state.recs.values()))

    def _level(self, fitting: int) -> int:
        return self.dice.of((1, 2, 3)) if self.dice.chance(8) else fitting

    def _reached(self, realm: Realm, ipa: int) -> int:
        return realm.walk(ipa, LAST_LEVEL).level if ipa < realm.ipa_top else LAST_LEVEL

    def _entry(self, realm: Realm, ipa: int) -> tuple[int, int]:
        level = self._level(self._reached(realm, ipa))
        return self._aligned(ipa, level), level

    def _aligned(self, ipa: int, level: int) -> int:
        return ipa if self.dice.chance(16) else align_down(ipa, entry_bytes(level))

    def _output(self, level: int) -> int:
        """Memory of the host that a realm may have."""
        if level < LAST_LEVEL - 1:
            return SHARED_BLOCK
        return self.dice.of(self.ground.sources) if level == LAST_LEVEL else self.ground.pages
