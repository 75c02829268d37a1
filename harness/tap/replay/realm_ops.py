# SPDX-License-Identifier: BSD-3-Clause
"""What a realm did: its SMCs are seen, and everything else by the exit that it led to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness import model
from harness.abi import codec, tables
from harness.abi.codec import Value
from harness.model import (
    Access,
    Activity,
    EnterVerdict,
    GicAccess,
    Interrupt,
    Kind,
    Layout,
    Pas,
    Region,
    Smc,
    Wait,
)
from harness.model.realm_side.access import ALIGNMENT, GRANULE_PROTECTION, output_address
from harness.model.rtt import LAST_LEVEL
from harness.model.state import Rec
from harness.model.verdict import Verdict
from harness.tap.events import Call, Return
from harness.tap.replay.ops import Done
from harness.tap.replay.world import World
from harness.types import GRANULE_BYTES

_REASONS = tables().enum("RmiRecExitReason")
SYNC, IRQ, FIQ = (_REASONS[name] for name in ("SYNC", "IRQ", "FIQ"))
BY_SMC = frozenset(_REASONS[name] for name in ("PSCI", "RIPAS_CHANGE", "HOST_CALL"))
_EC_WFX, _EC_SYSREG, _EC_FETCH, _EC_DATA = 0x01, 0x18, 0x20, 0x24
_ISS = (1 << 25) - 1
_RT = 0x1F << 5
_FSC, _EXTERNAL = 0x3F, range(0x10, 0x18)
_ISV, _SAS_SHIFT, _SF, _WNR = 1 << 24, 22, 1 << 15, 1 << 6
_HPFAR = ((1 << 40) - 1) << 4
_NOT_RECORDED = frozenset({"RSI_MEASUREMENT_READ"})
"""Depend on contents that are not recorded: pages of DATA_CREATE, registers beyond x7."""


@dataclass(frozen=True, slots=True)
class Enter:
    """The beginning of an RMI_REC_ENTER of which it is known that it succeeds.

    ``seen`` is its return if that was the first to tell: then the realm may not have run.
    """

    call: Call
    seen: Return | None
    asked: model.Call

    def run(self, world: World) -> Done:
        """The model must let the REC run."""
        verdict, after = model.step(world, self.asked)
        assert isinstance(after, World)
        if not isinstance(verdict, EnterVerdict):
            return Done(world, verdict.explain((0,)))
        entry = verdict.entry
        if isinstance(entry, model.Exits):
            text = f"the realm ran, wanted: an exit at once, {entry.reason_name}"
            return Done(world, text if self.seen is None else "")
        return Done(after.entered(self.call.record.x[1], entry.verdict))

    def exit_at_once(self, world: World) -> model.Exits | None:
        """What the host is told where the realm cannot go on; None where it can."""
        verdict, _ = model.step(world, self.asked)
        entry = verdict.entry if isinstance(verdict, EnterVerdict) else None
        return entry if isinstance(entry, model.Exits) else None


@dataclass(frozen=True, slots=True)
class RealmCall:
    """A realm's SMC that returned without an exit."""

    call: Call
    seen: Return | None

    def run(self, world: World) -> Done:
        """The model must let it return, with these registers."""
        assert self.seen is not None
        rec = world.recs.get(self.call.record.rec)
        if rec is None or rec.running is None:
            return Done(world, f"{self.call.rec} is not running, and yet its realm did this")
        done = self._judge(world, rec.pa, self.seen)
        if done.problem and self._may_be_checked(world):
            strict = replace(world, platform=replace(world.platform, unchecked=frozenset()))
            return replace(self._judge(strict, rec.pa, self.seen), world=world)
        return done

    def _judge(self, world: World, rec: int, seen: Return) -> Done:
        outcome, after = model.act(world, rec, Smc(self.call.record.x))
        assert isinstance(after, World)
        if isinstance(outcome, model.Exits):
            return Done(world, f"wanted: an exit, {outcome.reason_name}; seen: it returned")
        return Done(after, _differs(outcome.verdict, seen))

    def _may_be_checked(self, world: World) -> bool:
        """Some RMMs do not check everything that the tables have; others do."""
        return any(name == self.call.name for name, _ in world.platform.unchecked)


@dataclass(frozen=True, slots=True)
class Resumed:
    """A realm's SMC that returned after an exit."""

    call: Call
    seen: Return | None

    def run(self, world: World) -> Done:
        """The registers must be as the host's answer makes them."""
        assert self.seen is not None
        return Done(world, _differs(world.resumes.get(self.call.record.rec), self.seen))


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of an RMI_REC_ENTER; ``begins`` if nothing else showed that the realm ran."""

    call: Call
    seen: Return | None
    begins: Enter | None
    smc: Call | None

    def run(self, world: World) -> Done:
        """The exit must be one that the realm can have caused, told as the tables want it."""
        assert self.seen is not None
        fields = self.seen.structure or {}
        pa = self.call.record.x[1]
        rec = world.recs.get(pa)
        if rec is None or rec.running is None:
            at_once = self.begins.exit_at_once(world) if self.begins is not None else None
            if at_once is not None:
                return Done(world, _told(at_once, fields))
            return Done(world, f"{pa:#x} is not running, and yet it exits")
        done = self._follow(world, rec, fields, self.smc)
        if done.problem and self.smc is not None and fields.get("exit_reason") == SYNC:
            # An interrupt may have been taken before what follows the SMC: its handler did this.
            other = self._follow(world, rec, fields, None)
            return done if other.problem else other
        return done

    def _follow(
        self, world: World, rec: Rec, fields: Mapping[str, Value], smc: Call | None
    ) -> Done:
        activity = activity_of(fields, smc)
        if activity is None:
            return Done(world.with_rec(replace(rec, running=None)))  # type: ignore[arg-type]
        done = self._judge(world, rec.pa, activity, fields)
        if done.problem and isinstance(activity, Access) and not activity.has_syndrome:
            # Without a syndrome the exit does not tell reads from writes.
            other = self._judge(world, rec.pa, replace(activity, kind=Kind.WRITE), fields)
            return done if other.problem else other
        return done

    def _judge(
        self, world: World, rec: int, activity: Activity, fields: Mapping[str, Value]
    ) -> Done:
        outcome, after = model.act(world, rec, activity)
        assert isinstance(after, World)
        if isinstance(outcome, model.Continues):
            return Done(world, f"wanted: the realm goes on after {activity}; seen: an exit")
        problem = _told(outcome, fields)
        if problem or not fields:
            return Done(after, problem)
        settled = model.as_seen(after, rec, outcome, fields)
        assert isinstance(settled, World)
        return Done(settled)

    def granule_fault(self, world: World) -> int | None:
        """The granule of which the exit says that it is not Non-secure; the host mapped it."""
        fields = (self.seen.structure if self.seen is not None else None) or {}
        rec = world.recs.get(self.call.record.x[1])
        if rec is None or not fields or _number(fields, "exit_reason") != SYNC:
            return None
        esr, ipa = _number(fields, "esr"), _page(fields)
        if (esr >> 26, esr & _FSC) != (_EC_DATA, GRANULE_PROTECTION):
            return None
        realm = world.realms[rec.rd]
        if realm.is_protected(ipa) or ipa >= realm.ipa_top:
            return None
        return output_address(realm.walk(ipa, LAST_LEVEL), ipa)

    def believed(self, world: World, granule: int) -> Done:
        """Judge it as if that granule were not Non-secure."""
        platform = world.platform
        foreign = Region(granule, granule + GRANULE_BYTES, Pas.ROOT)
        layout = Layout((foreign, *platform.layout.regions))
        done = self.run(replace(world, platform=replace(platform, layout=layout)))
        return replace(done, world=replace(done.world, platform=platform))


def _told(wanted: model.Exits, fields: Mapping[str, Value]) -> str:
    return "\n".join(wanted.mismatches(fields)) if fields else ""


def _differs(verdict: Verdict | None, seen: Return) -> str:
    if verdict is None:
        return ""
    x = seen.x[:1] if verdict.name in _NOT_RECORDED else seen.x
    return "" if verdict.accepts(x) else verdict.explain(x)


def activity_of(fields: Mapping[str, Value], smc: Call | None) -> Activity | None:
    """What the realm did, None where the model has nothing like it (SError, external aborts)."""
    reason = _number(fields, "exit_reason") if fields else None
    if reason in (IRQ, FIQ):
        return Interrupt(is_fiq=reason == FIQ)
    if smc is not None and reason in (SYNC, *BY_SMC):
        return Smc(smc.record.x, _host_call_page(fields))
    return _synchronous(fields) if reason == SYNC else None


def _host_call_page(fields: Mapping[str, Value]) -> bytes:
    """The realm's own page is not seen; the exit shows what was in it."""
    return codec("RsiHostCall").encode(imm=fields["imm"], gprs=fields["gprs"])


def _synchronous(fields: Mapping[str, Value]) -> Activity | None:
    esr = _number(fields, "esr")
    kind, gprs = esr >> 26, fields["gprs"]
    first = gprs[0] if isinstance(gprs, tuple) else 0
    if kind == _EC_WFX:
        return Wait(is_wfe=bool(esr & 1))
    if kind == _EC_SYSREG:
        return GicAccess(esr & _ISS & ~_RT, first)
    if kind not in (_EC_FETCH, _EC_DATA) or esr & _FSC in _EXTERNAL:
        return None
    page = _page(fields)
    if kind == _EC_FETCH:
        return Access(page, Kind.FETCH, 4)
    return Access(
        page | _number(fields, "far") & 0xFFF,
        Kind.WRITE if esr & _WNR else Kind.READ,
        1 << (esr >> _SAS_SHIFT & 3) if esr & _ISV else 1,
        first,
        has_syndrome=bool(esr & _ISV),
        register_bits=64 if esr & _SF else 32,
        needs_normal=esr & _FSC == ALIGNMENT,
    )


def _page(fields: Mapping[str, Value]) -> int:
    return (_number(fields, "hpfar") & _HPFAR) << 8


def _number(fields: Mapping[str, Value], name: str) -> int:
    value = fields[name]
    assert isinstance(value, int)
    return value
