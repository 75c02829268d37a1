# SPDX-License-Identifier: BSD-3-Clause
"""Random steps that get somewhere: what fits the state, often with one thing wrong."""

from __future__ import annotations

from harness.abi import tables
from harness.model import Access, RealmState, Rec, Smc, State
from harness.oracle.deeds import Deeds
from harness.oracle.dice import Dice
from harness.oracle.duel import Duel
from harness.oracle.ground import Ground
from harness.oracle.host_calls import GPRS, RUN_PAGE, HostCalls
from harness.oracle.memory import is_destroyed, mapped
from harness.oracle.places import Places
from harness.oracle.program import Body
from harness.oracle.steps import Fields, Issue, Peek, Step, Wake
from harness.types import GRANULE_BYTES, align_down

_ENOUGH_REALMS = 4
_ENOUGH_GRANULES = 8
_FLAGS = tables().bitfield("RmiRecEnterFlags")
_EMULATE, _SEA, _REJECT = (
    _FLAGS.bits(name).mask for name in ("EMUL_MMIO", "INJECT_SEA", "RIPAS_RESPONSE")
)
_TRAPS = _FLAGS.encode(TRAP_WFI=1, TRAP_WFE=1)
_ALL_FLAGS = 32
_WEIGHTS = {
    "RMI_RTT_CREATE": 5,
    "RMI_DATA_CREATE_UNKNOWN": 5,
    "RMI_DATA_DESTROY": 4,
    "RMI_RTT_MAP_UNPROTECTED": 4,
    "RMI_RTT_READ_ENTRY": 3,
    "RMI_RTT_FOLD": 3,
    "RMI_RTT_DESTROY": 3,
    "RMI_RTT_UNMAP_UNPROTECTED": 3,
    "RMI_GRANULE_DELEGATE": 4,
    "RMI_GRANULE_UNDELEGATE": 2,
    "RMI_DATA_CREATE": 3,
    "RMI_RTT_INIT_RIPAS": 3,
    "RMI_RTT_SET_RIPAS": 1,
    "RMI_REALM_CREATE": 2,
    "RMI_REC_CREATE": 2,
    "RMI_REC_DESTROY": 1,
    "RMI_REALM_DESTROY": 1,
    "RMI_REALM_ACTIVATE": 1,
    "RMI_REC_ENTER": 2,
    "RMI_PSCI_COMPLETE": 1,
    "RMI_REC_AUX_COUNT": 1,
    "RMI_VERSION": 1,
    "RMI_FEATURES": 1,
}
_NAMES = tuple(name for name, weight in _WEIGHTS.items() for _ in range(weight))
_ON_GRANULES = ("RMI_GRANULE_DELEGATE", "RMI_GRANULE_UNDELEGATE", "RMI_VERSION", "RMI_FEATURES")
_ON_RECS = ("RMI_REC_DESTROY", "RMI_REC_ENTER", "RMI_PSCI_COMPLETE", "RMI_RTT_SET_RIPAS")
_LETHAL = ("RMI_REC_DESTROY", "RMI_REALM_DESTROY")
_NO_FUNCTIONS = ("0xc4000149", "0xc40001ff", "0xc4000170", "0x84000150")


class Wanderer:
    """Makes up the next step for a duel. Every method may raise NoMoreDice."""

    def __init__(self, ground: Ground, dice: Dice) -> None:
        self.dice = dice
        self.ground = ground
        self.places = Places(ground, dice)
        self.deeds = Deeds(ground, dice, self.places)
        self.calls = HostCalls(ground, dice, self.places)

    def step(self, duel: Duel) -> Step:
        """Something that the host may do, or have a realm do."""
        dice = self.dice
        if duel.naps.on and dice.chance(8):
            return self.wake(duel)
        kind = dice.number(64)
        if kind >= 32 and (entered := self.deed(duel)):
            return entered
        if kind == 0:
            return self.peek(duel)
        return self.spoilt_call(duel) if dice.chance(5) else self.call(duel)

    def wake(self, duel: Duel) -> Wake:
        """End one of the naps that there are."""
        return Wake(self.dice.of(list(duel.naps.on)), irq=self.dice.chance(2))

    def peek(self, duel: Duel) -> Peek:
        """Read a granule of any state."""
        return Peek(self.places.any_granule(duel.state), self.dice.of(duel.idle))

    def call(self, duel: Duel) -> Issue:
        """A call of the host: mostly what the state asks for."""
        return self._host(duel.state, self.dice.of(duel.idle))

    def spoilt_call(self, duel: Duel) -> Issue:
        """The same with one argument replaced, or one that there is not."""
        return self._spoilt(self.call(duel), duel.state)

    def deed(self, duel: Duel) -> Issue | None:
        """Enter a REC that can be entered and runs the program; None if there is none."""
        return self._enter_program(duel, self.dice.of(duel.idle))

    def _host(self, state: State, pe: int) -> Issue:
        """Mostly what the state asks for."""
        dice = self.dice
        asked = [rec for rec in state.recs.values() if rec.psci or rec.ripas]
        if asked and dice.chance(2):
            rec = dice.of(asked)
            name = "RMI_PSCI_COMPLETE" if rec.psci else "RMI_RTT_SET_RIPAS"
            return self.calls.make(name, state, pe, rec)
        return self.calls.make(self._name(state), state, pe)

    def _name(self, state: State) -> str:
        if len(state.granules) < _ENOUGH_GRANULES and self.dice.number(3):
            return "RMI_GRANULE_DELEGATE"
        name = self.dice.of(_NAMES)
        if not state.realms and name not in _ON_GRANULES:
            return "RMI_REALM_CREATE"
        if not state.recs and name in _ON_RECS:
            return "RMI_REC_CREATE"
        if name in _LETHAL and self.dice.number(4):
            return "RMI_RTT_READ_ENTRY"
        if name == "RMI_REALM_CREATE" and len(state.realms) >= _ENOUGH_REALMS:
            return "RMI_REALM_DESTROY"
        return name

    def _spoilt(self, made: Issue, state: State) -> Issue:
        """The call with one argument replaced, or one that there is not."""
        if self.dice.chance(24):
            return Issue(self.dice.of(_NO_FUNCTIONS), made.args, made.pe)
        args = list(made.args)
        args[self.dice.number(len(args))] = self.places.wild(state)
        return Issue(made.name, tuple(args), made.pe, made.fields, made.deed)

    def _enter_program(self, duel: Duel, pe: int) -> Issue | None:
        """Enter a REC that can be entered and runs the program."""
        state, dice = duel.state, self.dice
        ready = [pa for pa in duel.bodies if _can_be_entered(state, state.recs[pa])]
        if not ready:
            return None
        rec = state.recs[dice.of(ready)]
        if (wants := _page_wanted(state, rec, duel.bodies[rec.pa])) is not None and dice.number(4):
            return self.calls.serve(state, pe, rec, wants)
        fields: Fields = (("flags", self._flags(rec)), ("gprs", (dice.of(GPRS),)))
        deed = self.deeds.some(state, rec, may_nap=pe > 0 and len(duel.idle) > 1)
        args = (rec.pa, self.ground.page(RUN_PAGE + pe))
        return Issue("RMI_REC_ENTER", args, pe, fields, deed, irq=dice.chance(32))

    def _flags(self, rec: Rec) -> int:
        dice = self.dice
        flags = 0
        if rec.abort is not None:
            flags = dice.of((_EMULATE, _EMULATE, _SEA, 0))
            if flags == _EMULATE and not rec.abort.is_emulatable:
                flags = _SEA
        elif rec.ripas is not None:
            flags = dice.of((0, _REJECT))
        if dice.chance(16):
            flags = dice.number(_ALL_FLAGS)
        return flags | _TRAPS if dice.number(2) else flags


def _page_wanted(state: State, rec: Rec, body: Body) -> int | None:
    """The protected IPA at which the program is stuck until the host maps something there."""
    deed, realm = body.deed, state.realms[rec.rd]
    if not body.begun or rec.abort is not None or not isinstance(deed, Access | Smc):
        return None
    ipa = deed.ipa if isinstance(deed, Access) else deed.arg(1)
    if not realm.is_protected(ipa) or mapped(realm, ipa) is not None or is_destroyed(realm, ipa):
        return None
    return align_down(ipa, GRANULE_BYTES)


def _can_be_entered(state: State, rec: Rec) -> bool:
    active = state.realms[rec.rd].state is RealmState.ACTIVE
    return active and rec.is_runnable and rec.psci is None and rec.running is None
