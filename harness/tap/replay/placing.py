# SPDX-License-Identifier: BSD-3-Clause
"""In which order things took effect that overlapped on several CPUs.

A call takes effect at some moment between its CALL and its RETURN. What returns is tried at
once; if it does not follow from the state, then after what is still under way elsewhere; then
it waits until that has returned; at last it is put before what was placed since its CALL, or
all that overlapped is put into another order. Only what fits nowhere is a mismatch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from harness import model
from harness.model import EnterVerdict
from harness.model.verdict import Verdict
from harness.tap.events import Call, Return
from harness.tap.replay.ops import Done, Op, asked
from harness.tap.replay.reorder import Item, find_order
from harness.tap.replay.world import World

_MOST_WAITING = 64
_LONGEST_LOG = 128
_MOST_REORDERED = 16


@dataclass(slots=True)
class UnderWay:
    """A call of the host that has not returned.

    ``assumed`` is its verdict where its effect had to be assumed already; ``begun`` says that
    a REC_ENTER is known to have entered.
    """

    call: Call
    mark: int
    assumed: Verdict | None = None
    begun: bool = False

    @property
    def asked(self) -> model.Call:
        """The call as the model takes it."""
        return asked(self.call)


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
            return Done(after, resumes=(self.call.record.x[1], verdict.entry.verdict))
        return Done(after)


@dataclass(frozen=True, slots=True)
class _Waiting:
    op: Op
    cpu: int
    mark: int
    blockers: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Placed:
    op: Op
    cpu: int
    before: World


class Court(Protocol):
    """Who decides about what fits nowhere, and hears of what was placed."""

    def excuse(self, op: Op, world: World) -> World | None:
        """The state to go on with if the op cannot be judged; None if it can."""
        ...

    def placed(self, op: Op, done: Done) -> None:
        """The op follows."""
        ...

    def placed_anew(self, done: Done) -> None:
        """Something follows still, but from another state than before."""
        ...

    def undecided(self, op: Op, world: World) -> World:
        """More happened meanwhile than was kept: the op may or may not have fitted."""
        ...

    def broken(self, op: Op, done: Done) -> World:
        """The op fits nowhere; return the state to go on with."""
        ...


@dataclass(slots=True)
class Placer:
    """Keeps the state, what is under way, what waits, and the last things placed."""

    world: World
    court: Court
    under_way: dict[int, UnderWay] = field(default_factory=dict)
    commits: int = 0
    reordered: int = 0
    _waiting: list[_Waiting] = field(default_factory=list)
    _log: list[_Placed] = field(default_factory=list)

    def begin(self, call: Call) -> None:
        """A call of the host was made."""
        self.under_way[call.record.cpu] = UnderWay(call, self.commits)

    def alone(self) -> World | None:
        """The state, to be changed in place: nothing overlaps that could be put before."""
        if self.under_way or self._waiting:
            return None
        self._log.clear()
        return self.world

    def is_alone(self, cpu: int, mark: int) -> bool:
        """Whether nothing overlaps with what began on a CPU when ``mark`` things were placed."""
        others = any(other != cpu for other in self.under_way)
        return not (others or self._waiting) and self.commits == mark

    def reset(self, world: World) -> None:
        """Go on with another state; what was under way is forgotten."""
        self.world = world
        self.under_way.clear()
        self._waiting.clear()
        self._log.clear()

    def add(self, op: Op, cpu: int, mark: int) -> None:
        """Something happened on a CPU, at the earliest when ``mark`` things had been placed."""
        blockers = frozenset(u.call.seq for u in self.under_way.values() if u.call.cpu != cpu)
        self._waiting.append(_Waiting(op, cpu, mark, blockers))
        self.settle()

    def settle(self, *, last: bool = False) -> None:
        """Place what can be placed; with ``last`` wait for nothing."""
        while self._waiting and self._advance(last=last):
            pass

    def _advance(self, *, last: bool) -> bool:
        for waiting in self._heads():
            done = waiting.op.run(self.world)
            if not done.problem:
                self._place(waiting, done)
                return True
        if any(map(self._excused, self._heads())) or self._after_assumption():
            return True
        first = self._waiting[0]
        if not last and len(self._waiting) < _MOST_WAITING and self._is_blocked(first):
            return False
        if not self._put_before(first) and not self._reorder(first):
            self._give_up(first)
        return True

    def _heads(self) -> Iterator[_Waiting]:
        """Of each CPU the first that waits: a CPU does one thing after the other."""
        seen: set[int] = set()
        for waiting in list(self._waiting):
            if waiting.cpu not in seen:
                seen.add(waiting.cpu)
                yield waiting

    def _is_blocked(self, waiting: _Waiting) -> bool:
        return any(u.call.seq in waiting.blockers for u in self.under_way.values())

    def _place(self, waiting: _Waiting, done: Done) -> None:
        self._waiting.remove(waiting)
        self._commit(waiting.op, waiting.cpu, done)

    def _commit(self, op: Op, cpu: int, done: Done) -> None:
        self._log.append(_Placed(op, cpu, self.world))
        if len(self._log) > 2 * _LONGEST_LOG:
            del self._log[:_LONGEST_LOG]
        self.commits += 1
        self.world = done.world
        self.court.placed(op, done)

    def _excused(self, waiting: _Waiting) -> bool:
        world = self.court.excuse(waiting.op, self.world)
        if world is None:
            return False
        self._waiting.remove(waiting)
        self._go_on(world)
        return True

    def _go_on(self, world: World) -> None:
        """What was before does not lead to this state: nothing can be put before it."""
        if world is not self.world:
            self.world = world
            self._log.clear()

    def _after_assumption(self) -> bool:
        """Try it after something that is under way on another CPU."""
        for under_way in self.under_way.values():
            if under_way.assumed is not None or under_way.begun:
                continue
            assumed = Assumed(under_way.call, under_way.asked)
            done = assumed.run(self.world)
            for waiting in self._heads():
                if under_way.call.seq in waiting.blockers and done.world is not self.world:
                    then = waiting.op.run(done.world)
                    if not then.problem:
                        under_way.assumed, _ = model.step(self.world, under_way.asked)
                        self.reordered += 1
                        self._commit(assumed, under_way.call.cpu, done)
                        self._place(waiting, then)
                        return True
        return False

    def _put_before(self, waiting: _Waiting) -> bool:
        """Try it before the things that were placed since its CALL, the last ones first."""
        first = max(0, len(self._log) - (self.commits - waiting.mark))
        for at in range(len(self._log) - 1, first - 1, -1):
            steps = self._rerun(waiting, at)
            if steps is not None:
                self._waiting.remove(waiting)
                self._log[at:] = [placed for placed, _ in steps]
                self.world = steps[-1][1].world
                self.commits += 1
                self.reordered += 1
                self.court.placed(waiting.op, steps[0][1])
                for _, done in steps[1:]:
                    self.court.placed_anew(done)
                return True
        return False

    def _rerun(self, late: _Waiting, at: int) -> list[tuple[_Placed, Done]] | None:
        world, steps = self._log[at].before, []
        log = [(kept.op, kept.cpu) for kept in self._log[at:]]
        for op, cpu in [(late.op, late.cpu), *log]:
            done = op.run(world)
            if done.problem:
                return None
            steps.append((_Placed(op, cpu, world), done))
            world = done.world
        return steps

    def _reorder(self, waiting: _Waiting) -> bool:
        """Look for another order of what overlapped that has a place for this."""
        at = self._overlap()
        tail = self._log[at:]
        if not tail or any(isinstance(placed.op, Assumed) for placed in tail):
            return False
        items = [Item(placed.op, placed.cpu, must=True) for placed in tail]
        late = [Item(one.op, one.cpu, must=one is waiting) for one in self._waiting]
        steps = find_order(tail[0].before, [*items, *late])
        if steps is None:
            return False
        self._log[at:] = [_Placed(item.op, item.cpu, before) for item, before, _ in steps]
        self.world = steps[-1][2].world
        for item, _, done in steps:
            self._settled(item, done)
        self.reordered += 1
        return True

    def _settled(self, item: Item, done: Done) -> None:
        """Tell the court of a step of the new order; what waited for it waits no longer."""
        for waiting in self._waiting:
            if waiting.op is item.op:
                self._waiting.remove(waiting)
                self.commits += 1
                self.court.placed(item.op, done)
                return
        self.court.placed_anew(done)

    def _overlap(self) -> int:
        """Where in the log begins what overlaps with something that waits, or with each other."""
        earliest = min(waiting.op.call.seq for waiting in self._waiting)
        at = len(self._log)
        while at > max(0, len(self._log) - _MOST_REORDERED):
            seen = self._log[at - 1].op.seen
            if seen is not None and seen.seq < earliest:
                break
            at -= 1
            earliest = min(earliest, self._log[at].op.call.seq)
        return at

    def _give_up(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        if self.commits - waiting.mark > len(self._log):
            self._go_on(self.court.undecided(waiting.op, self.world))
        else:
            self._go_on(self.court.broken(waiting.op, waiting.op.run(self.world)))
