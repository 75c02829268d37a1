# SPDX-License-Identifier: BSD-3-Clause
"""Things that happened, as functions of the state: does what was seen follow, and what then?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness import model
from harness.abi import tables
from harness.model import EnterVerdict
from harness.model.params import RealmParams, RecParams
from harness.model.verdict import Verdict
from harness.tap.events import Call, Return
from harness.tap.replay.world import World
from harness.types import GRANULE_BYTES

REALM_CREATE, REC_CREATE, REC_ENTER = "RMI_REALM_CREATE", "RMI_REC_CREATE", "RMI_REC_ENTER"
DELEGATE, UNDELEGATE = "RMI_GRANULE_DELEGATE", "RMI_GRANULE_UNDELEGATE"
DATA_CREATE, DATA_DESTROY = "RMI_DATA_CREATE", "RMI_DATA_DESTROY"
_PARAMETERS = {REALM_CREATE: 1, REC_CREATE: 2, REC_ENTER: 1}
"""Number (from 0) of the argument that points to the recorded structure."""

_MADE_OF = {
    DELEGATE: (),
    UNDELEGATE: ("addr",),
    REALM_CREATE: ("rd",),
    REC_CREATE: ("rec",),
    DATA_CREATE: ("data",),
    "RMI_DATA_CREATE_UNKNOWN": ("data",),
    "RMI_RTT_CREATE": ("rtt",),
}
"""Arguments that must have been DELEGATED if the call succeeded."""

_GRANULES = ("addr", "rd", "rec", "data", "rtt", "calling_rec", "target_rec")
_PAGES = ("src", "params_ptr", "run_ptr")
_ZEROS = bytes(GRANULE_BYTES)
_MOST_ROOTS = 16


@dataclass(frozen=True, slots=True)
class Done:
    """What follows from a state: the next one, or why what was seen cannot be.

    ``condition`` is the one for which the call had to fail; ``reasons`` are those that explain
    a failure that was seen with nothing else at the same time.
    """

    world: World
    problem: str = ""
    condition: str | None = None
    reasons: tuple[str, ...] = ()


class Op(Protocol):
    """One thing that happened."""

    @property
    def call(self) -> Call:
        """The CALL that it began with."""
        ...

    @property
    def seen(self) -> Return | None:
        """The RETURN that showed it, if one did."""
        ...

    def run(self, world: World) -> Done:
        """Judge it in a state."""
        ...


@dataclass(frozen=True, slots=True)
class Rmi:
    """A call of the host that has returned; also an RMI_REC_ENTER that failed.

    ``alone`` says that nothing overlapped with it, so that its place is the only one.
    """

    call: Call
    seen: Return | None
    asked: model.Call
    alone: bool = False

    def run(self, world: World) -> Done:
        """The model's answer must allow the one that was seen."""
        verdict, after = model.step(world, self.asked)
        assert isinstance(after, World)
        assert self.seen is not None
        x = self.seen.x
        if verdict.accepts(x):
            return Done(after, reasons=self._reasons(verdict, x) if self.alone else ())
        return Done(world, verdict.explain(x), verdict.condition)

    def _reasons(self, verdict: Verdict, x: tuple[int, ...]) -> tuple[str, ...]:
        given = (answer.condition for answer in verdict.acceptable if answer.accepts(x))
        return tuple(reason for reason in given if reason)


@dataclass(frozen=True, slots=True)
class Assumed:
    """The effect of a call that is still under way."""

    call: Call
    asked: model.Call
    seen: Return | None = None

    def run(self, world: World) -> Done:
        """Whatever it will answer is judged when it does."""
        verdict, after = model.step(world, self.asked)
        assert isinstance(after, World)
        if isinstance(verdict, EnterVerdict) and isinstance(verdict.entry, model.Continues):
            return Done(after.entered(self.call.record.x[1], verdict.entry.verdict))
        return Done(after)


def asked(call: Call) -> model.Call:
    """The call as the model takes it, with the pages that it names."""
    x = call.record.x
    return model.Call(x[0], x[1:], _pages(call), call.cpu)


def _pages(call: Call) -> Mapping[int, bytes]:
    """What the RMM reads. Contents of DATA_CREATE's source are not recorded, nor compared."""
    number = _PARAMETERS.get(call.name)
    if number is not None and call.memory is not None:
        return {call.record.x[1 + number]: call.memory.data.ljust(GRANULE_BYTES, b"\0")}
    return {call.record.x[4]: _ZEROS} if call.name == DATA_CREATE else {}


def has_parameters(call: Call) -> bool:
    """The structure that the call names was recorded, or cannot be read by anybody."""
    return call.name not in _PARAMETERS or call.memory is not None or not call.missing


def named(call: Call) -> list[int]:
    """PAs of all granules and pages that the call names, parameters included."""
    command, x = call.command, call.record.x
    if command is None:
        return []
    wanted = _GRANULES + _PAGES
    found = [x[r.first] for r in command.inputs if r.name in wanted and r.first < len(x)]
    return found + _in_parameters(call)


def pages(call: Call) -> list[int]:
    """PAs of the Non-secure pages that the call names."""
    command, x = call.command, call.record.x
    return [x[r.first] for r in command.inputs if r.name in _PAGES] if command else []


def consumed(call: Call) -> list[int]:
    """PAs that were DELEGATED before the call, if it succeeded."""
    command, x = call.command, call.record.x
    names = _MADE_OF.get(call.name, ())
    if command is None or not names:
        return []
    return [x[r.first] for r in command.inputs if r.name in names] + _in_parameters(call)


def _in_parameters(call: Call) -> list[int]:
    if call.memory is None:
        return []
    if call.name == REALM_CREATE:
        realm = RealmParams.decode(call.memory.data)
        count = min(realm.rtt_num_start, _MOST_ROOTS)
        return [realm.rtt_base + n * GRANULE_BYTES for n in range(count)]
    return list(RecParams.decode(call.memory.data).aux) if call.name == REC_CREATE else []


def released(call: Call, seen: Return) -> list[int]:
    """PAs that are DELEGATED after a call that succeeded, whatever was known before."""
    x = call.record.x
    if call.name in (DELEGATE, "RMI_REC_DESTROY", "RMI_REALM_DESTROY"):
        return [x[1]]
    if call.name in (DATA_DESTROY, "RMI_RTT_DESTROY", "RMI_RTT_FOLD"):
        return [seen.x[1]]
    return []


def realm_of(call: Call, world: World) -> int | None:
    """RD of the realm that a call is about, if the world knows it."""
    command, x = call.command, call.record.x
    for register in command.inputs if command else ():
        pa = x[register.first]
        if register.name == "rd":
            return pa
        if register.name in ("rec", "calling_rec") and pa in world.recs:
            return world.recs[pa].rd
    return world.granule(call.record.rec).owner


RMI_FIDS = {c.fid for name, c in tables().commands.items() if name.startswith("RMI_")}
RMI_RANGE = range(0xC400_0150, 0xC400_018F)
"""What EL3 hands to the RMM: Arm's SMCCC range of RMI 1.0; the last one is the RMM's own."""
