# SPDX-License-Identifier: BSD-3-Clause
"""What an RMI_REC_ENTER has to lead to, by the model and by what the program is told to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.abi import codec, tables
from harness.model import (
    Access,
    Continues,
    EnterVerdict,
    Exits,
    GranuleState,
    Kind,
    Outcome,
    Realm,
    RealmException,
    Rec,
    Smc,
    State,
    Wait,
    act,
)
from harness.model.realm_side.access import EC_UNKNOWN
from harness.model.realm_side.activity import Interrupt
from harness.oracle import program
from harness.oracle.ground import RECS, Ground
from harness.oracle.memory import Memory, mapped
from harness.oracle.program import Body, Phase
from harness.oracle.steps import Deed, Issue, Nap, Nop
from harness.types import GRANULE_BYTES, Pa

_ENTER = codec("RmiRecEnter")
_EMUL_MMIO = tables().bitfield("RmiRecEnterFlags").bits("EMUL_MMIO").mask
_FID_HOST_CALL = tables().command("RSI_HOST_CALL").fid
_HOST_CALL_BYTES = codec("RsiHostCall").layout.size
_STAGE_1_TOP = 1 << 48
_FOREIGN = frozenset(GranuleState) - {GranuleState.UNDELEGATED, GranuleState.DATA}


class Unplayable(Exception):
    """The step cannot be foretold, or not be done now."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an entry leads to: ``exit``, or ``result`` and then the program's report, or a nap.

    ``state`` is the model's before the report. ``entry`` is how the realm resumes,
    ``performed`` says that the deed itself was done now.
    """

    rec: int
    state: State
    body: Body
    exit: Exits | None = None
    result: Continues | None = None
    entry: Continues | None = None
    performed: bool = False
    naps: bool = False

    @property
    def came(self) -> str:
        """What comes of it, in a few words."""
        deed = self.body.deed
        kind = type(deed).__name__
        if isinstance(deed, Smc) and (command := tables().by_fid.get(deed.arg(0))):
            kind = command.name
        if self.exit is not None:
            return f"{kind} exit {self.exit.reason_name}"
        return f"{kind} {'exception' if self.result and self.result.exception else 'done'}"


class Residents:
    """The programs on all RECs; ``homes`` are the realms that have one."""

    def __init__(self, memory: Memory, ground: Ground) -> None:
        self.memory = memory
        self.ground = ground
        self.homes: set[int] = set()
        self.bodies: dict[int, Body] = {}

    def settle(self, rec: Rec) -> None:
        """Note how a REC starts: with the program or with something that nobody knows."""
        entries = (self.ground.program.entry, self.ground.program.secondary_entry)
        if rec.rd in self.homes and rec.index < RECS and rec.start[0] in entries:
            self.bodies[rec.pa] = Body()
        else:
            self.bodies.pop(rec.pa, None)

    def rec_state(self, rec: Rec) -> int:
        """IPA of what the program keeps for a REC."""
        layout = self.ground.program
        return layout.recs + rec.index * layout.rec_bytes

    def rec_state_pa(self, state: State, rec: Rec) -> int:
        """The same as a PA; the pages of the program stay mapped."""
        found = mapped(state.realms[rec.rd], self.rec_state(rec))
        assert found is not None
        return found

    def enter_area(self, state: State, made: Issue) -> bytes:
        """The enter area: a command takes the registers where the program waits for one."""
        body, fields = self.bodies.get(made.args[0]), dict(made.fields)
        if body is not None and body.phase is Phase.WAITING:
            flag = self.rec_state(state.recs[made.args[0]]) + program.FLAG_AT
            fields["gprs"] = program.command(made.deed, flag)
        return _ENTER.encode(**fields)

    def plan(self, made: Issue, verdict: EnterVerdict, after: State) -> Plan:
        """Foretell an entry that succeeds; Unplayable where that cannot be done."""
        rec, entry = made.args[0], verdict.entry
        body = self.bodies.get(rec)
        known = body is not None and self.ground.is_page(made.args[1])
        if body is None or not known or (made.irq and isinstance(entry, Exits)):
            raise Unplayable
        if isinstance(entry, Exits):
            return Plan(rec, after, body, exit=entry)
        if body.phase is Phase.WAITING:
            body = Body(Phase.BUSY, body.sequence + 1, made.deed)
        flags = dict(made.fields).get("flags", 0)
        emulated = isinstance(flags, int) and bool(flags & _EMUL_MMIO)
        result = program.resumed(body, entry, emulated=emulated)
        if made.irq:
            return _interrupted(Plan(rec, after, body, result=result, entry=entry))
        if body.phase is Phase.COLD:
            return Plan(rec, after, Body(Phase.WAITING), result=Continues(), entry=entry)
        if result is None:
            return self._doing(Plan(rec, after, body, entry=entry, performed=True), made.pe)
        return replace(Plan(rec, after, _reporting(body), result=result), entry=entry)

    def _doing(self, plan: Plan, pe: int) -> Plan:
        """Let the program do its deed (again)."""
        body = plan.body
        if isinstance(body.deed, Nap):
            if pe == 0 or not self.memory.sees_all:
                raise Unplayable
            return replace(plan, naps=True)
        outcome, state = self._perform(plan.state, plan.rec, body.deed)
        if isinstance(outcome, Exits):
            body = replace(body, begun=True, owed=None)
            return replace(plan, state=state, body=body, exit=outcome)
        return replace(plan, state=state, body=_reporting(body), result=outcome)

    def _perform(self, state: State, rec: int, deed: Deed) -> tuple[Outcome, State]:
        if isinstance(deed, Nop | Nap):
            return Continues(), state
        if isinstance(deed, Access) and deed.ipa >= _STAGE_1_TOP:
            raise Unplayable
        realm = state.realms[state.recs[rec].rd]
        if isinstance(deed, Smc) and deed.arg(0) == _FID_HOST_CALL:
            deed = self._with_page(realm, deed)
        if isinstance(deed, Access):
            self._check_granule(state, mapped(realm, deed.ipa))
        outcome, after = act(state, rec, deed)
        if isinstance(outcome, Continues) and outcome.exception is None:
            if isinstance(deed, Wait) and not deed.is_wfe:
                raise Unplayable  # it would sleep
            if isinstance(deed, Access) and deed.kind is Kind.FETCH:
                return self._called(mapped(realm, deed.ipa)), after
        return outcome, after

    def _check_granule(self, state: State, pa: int | None) -> None:
        """The host may have shown the realm a granule of the RMM, or what is no memory."""
        if pa is None:
            return
        foreign = state.granule(pa & -GRANULE_BYTES).state in _FOREIGN
        if foreign or not self.ground.platform.layout.is_ns(pa):
            raise Unplayable

    def _with_page(self, realm: Realm, deed: Smc) -> Smc:
        """The host call with the structure that lies in the realm's memory."""
        pa = mapped(realm, deed.arg(1)) if realm.is_protected(deed.arg(1)) else None
        if pa is None:
            return deed
        if not self.memory.sees_all:
            raise Unplayable
        return replace(deed, page=self.memory.link.read(Pa(pa), _HOST_CALL_BYTES))

    def _called(self, pa: int | None) -> Continues:
        """Code that a realm calls: a RET, or zeros, which are UNDEFINED; else who knows."""
        if pa is None or pa % 8 or not self.memory.sees_all:
            raise Unplayable
        insn = self.memory.word(pa) & 0xFFFF_FFFF
        if insn not in (0, program.RET):
            raise Unplayable
        return Continues(exception=None if insn else RealmException(EC_UNKNOWN))


def _reporting(body: Body) -> Body:
    return replace(body, phase=Phase.WAITING, begun=False, owed=None)


def _interrupted(plan: Plan) -> Plan:
    """The interrupt comes before the realm's first instruction."""
    outcome, state = act(plan.state, plan.rec, Interrupt())
    assert isinstance(outcome, Exits)
    body = plan.body
    if body.phase is Phase.BUSY:
        body = replace(body, begun=False, owed=plan.result)
    return replace(plan, state=state, body=body, exit=outcome, result=None)
