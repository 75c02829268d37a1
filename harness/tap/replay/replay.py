# SPDX-License-Identifier: BSD-3-Clause
"""Events in, mismatches with the model out. What cannot be judged is counted, by its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.abi import tables
from harness.tap.events import Call, Return
from harness.tap.layout import Header
from harness.tap.replay import ops
from harness.tap.replay.excuses import Excuses, ReplayTally
from harness.tap.replay.known import Known
from harness.tap.replay.ops import Done, Op, Rmi
from harness.tap.replay.pieces import UnderWay
from harness.tap.replay.placing import Placer
from harness.tap.replay.realm_ops import BY_SMC, Enter, Exit, RealmCall, Resumed
from harness.tap.replay.shortcuts import SHORTCUTS, shortcut
from harness.tap.replay.world import World, new_world

_DELEGATE = tables().command(ops.DELEGATE).fid
_ENTER = tables().command(ops.REC_ENTER).fid
_VERSION_FID = tables().command("RMI_VERSION").fid
_VERSION = tables().constants["RMI_ABI_VERSION"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An answer that no order of what happened explains.

    ``condition`` is the one for which the call had to fail, None if it had not.
    """

    call: Call
    seen: Return | None
    explanation: str
    condition: str | None = None


Failure = tuple[tuple[int, ...], int]
"""x0..x7 of a call, and x0 of its return."""

Reasons = defaultdict[Failure, set[str]]
"""Conditions that explain failures; UNSURE among them where the model cannot tell."""

UNSURE = ""


class Replay:
    """Plays events through the model; ``mismatch`` is called with each one as it is found.

    ``is_1_0`` says that the RMM is known to be one of RMI 1.0; otherwise its own answer to
    RMI_VERSION decides whether the model is for it. ``reasons`` collects why calls failed,
    once somebody has put something there.
    """

    def __init__(
        self, header: Header, mismatch: Callable[[Mismatch], None], *, is_1_0: bool = False
    ) -> None:
        self.tally = ReplayTally()
        self.known = Known()
        self.reasons: Reasons | None = None
        self._ram = (header.ram_base, header.ram_size)
        self._mismatch = mismatch
        self._is_1_0: bool | None = True if is_1_0 else None
        self._placer = Placer(new_world(*self._ram), self)
        self._excuses = Excuses(self.known, self.tally, self.placed)
        self._smcs: dict[int, Call] = {}
        self._exited: set[int] = set()
        self._left: dict[int, Call] = {}

    @property
    def world(self) -> World:
        """The state now."""
        return self._placer.world

    def settle(self) -> None:
        """Decide about everything that is still waiting for what overlapped with it."""
        self._placer.settle(last=True)
        self.tally.reordered = self._placer.reordered

    def lost(self) -> None:
        """Records are missing: go on with what is learnt from now on."""
        self.settle()
        self.known.lost()
        fresh = new_world(*self._ram)
        self._placer.reset(replace(fresh, platform=self.world.platform))
        self._smcs.clear()
        self._left.clear()

    def _ended(self, event: Return) -> None:
        """A call is over that began before records were lost: it took effect since then."""
        if not self.known.complete:
            calls = dict(self._placer.under_way)
            calls.pop(event.record.cpu, None)
            self.lost()
            self._placer.under_way.update(calls)

    def booted(self) -> None:
        """The machine has just booted."""
        self.settle()
        self.known.booted()
        self._placer.reset(new_world(*self._ram))

    def host(self, event: Call | Return) -> None:
        """The host's EL2 makes a call, or goes on behind it."""
        if self._is_1_0 is False:
            return
        if isinstance(event, Call):
            if event.record.x[0] in ops.RMI_RANGE:
                self._placer.begin(event)
            return
        under_way = self._placer.under_way.get(event.record.cpu)
        if under_way is None or event.call is not under_way.call:
            if event.call is None or event.call.record.x[0] in ops.RMI_RANGE:
                self._ended(event)
            return
        del self._placer.under_way[event.record.cpu]
        if under_way.assumed or not self._shortcut(under_way, event):
            self._answered(under_way, event)

    def _shortcut(self, under_way: UnderWay, event: Return) -> bool:
        call = under_way.call
        if call.record.x[0] not in SHORTCUTS or not self.known.everything:
            return False
        world = self._placer.alone(event.cpu, under_way.mark)
        if world is None or not shortcut(world, call.record.x, event.record.x):
            return False
        self.tally.judged += 1
        if call.record.x[0] == _DELEGATE:
            self.known.found_memory((call.record.x[1],))
        return True

    def _answered(self, under_way: UnderWay, event: Return) -> None:
        call, asked, mark = under_way.call, under_way.asked, under_way.mark
        if call.fid == _VERSION_FID:
            self._negotiated(event)
        if call.fid == _ENTER and event.ok:
            begins = None
            if not under_way.begun and not under_way.assumed:
                begins = Enter(call, event, asked)
            self._exit(call, event, begins, mark)
        elif under_way.assumed:
            self._placer.confirm(Rmi(call, event, asked), event.cpu, mark)
        else:
            alone = self._placer.is_alone(event.cpu, mark)
            self._placer.add(event.cpu, mark, Rmi(call, event, asked, alone))

    def _negotiated(self, event: Return) -> None:
        if self._is_1_0 is None and event.x[1] and event.x[1] != _VERSION:
            self._is_1_0 = False
            self.tally.unjudged["the RMM is not one of RMI 1.0"] += 1

    def _exit(self, call: Call, event: Return, begins: Enter | None, mark: int) -> None:
        rec, fields = call.record.x[1], event.structure or {}
        smc = self._left.pop(event.cpu, None)
        if smc is None:
            last = self._smcs.get(rec)
            if last is not None and last.cpu == event.cpu and rec not in self._exited:
                smc = last
                if fields.get("exit_reason") in BY_SMC:
                    self._exited.add(rec)
        entered = [begins] if begins is not None else []
        self._placer.add(event.cpu, mark, *entered, Exit(call, event, begins, smc))

    def realm(self, event: Call | Return) -> None:
        """A REC's realm makes a call, or goes on behind it."""
        if self._is_1_0 is False:
            return
        rec, cpu = event.record.rec, event.cpu
        under_way = self._placer.under_way.get(cpu)
        if under_way is not None and not under_way.begun and under_way.call.fid == _ENTER:
            under_way.begun = True
            if not under_way.assumed:
                entered = Enter(under_way.call, None, under_way.asked)
                self._placer.add(cpu, under_way.mark, entered)
        if isinstance(event, Call):
            self._smcs[rec] = event
            self._exited.discard(rec)
            return
        call = self._smcs.pop(rec, None)
        if call is None or event.call is None or event.call.seq != call.seq:
            return
        if call.cpu != cpu and rec not in self._exited:
            # It left that CPU, and was entered here before the host was told of its exit.
            self._left[call.cpu] = call
            self._exited.add(rec)
        if rec in self._exited:
            self._exited.discard(rec)
            self._placer.add(cpu, self._placer.commits, Resumed(call, event))
        else:
            self._placer.add(cpu, self._placer.commits, RealmCall(call, event))

    # What the placer asks.

    def placed(self, op: Op, done: Done) -> None:
        """Count it, and keep what it tells."""
        self.tally.judged += 1
        self._explain(op, done.reasons)
        if isinstance(op, Rmi) and op.seen is not None and op.seen.ok:
            named = ops.named(op.call)
            self.known.found_memory(named)
            self.known.learn(named)

    def _explain(self, op: Op, reasons: tuple[str, ...]) -> None:
        """Note why a call of the host failed, if anybody wants to know.

        Whether what it names is memory at all decides what is wrong with it.
        """
        if self.reasons is None or op.seen is None or op.seen.ok:
            return
        sure = reasons and all(self.known.is_memory(pa) for pa in ops.named(op.call))
        self.reasons[op.call.record.x, op.seen.record.x[0]] |= set(reasons if sure else [UNSURE])

    def undecided(self, op: Op, world: World) -> World:
        """Count it, and forget what it is about."""
        self.tally.unjudged["too much happened at the same time"] += 1
        return self._excuses.forget(op, world)

    def broken(self, op: Op, done: Done) -> World:
        """Report it, and forget what it is about: the RMM's state is not the model's."""
        self.tally.judged += 1
        self._mismatch(Mismatch(op.call, op.seen, done.problem, done.condition))
        return self._excuses.forget(op, done.world)

    def excuse(self, op: Op, world: World) -> World | None:
        """Learn about machine and RMM; let pass what is about unknown things."""
        after = self._excuses.excuse(op, world)
        if after is not None:
            self._explain(op, ())
        return after
