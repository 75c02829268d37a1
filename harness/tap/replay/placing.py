# SPDX-License-Identifier: BSD-3-Clause
"""In which order things took effect that overlapped on several CPUs.

A call takes effect at some moment between its CALL and its RETURN. What returns is tried at
once; if it does not follow from the state, then after a REC_ENTER that is still under way
elsewhere; then it waits until all that is under way has returned; at last it is put before
what was placed since its CALL, or all that overlapped is put into another order, of which what
has been called since then may be a part. Only what fits nowhere is a mismatch. That something
had an effect before it returned is an assumption: its answer confirms it, or another order is
looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from harness.tap.events import Call
from harness.tap.replay.ops import REC_ENTER, Assumed, Done, Op, Rmi, realm_of
from harness.tap.replay.pieces import Court, Placed, UnderWay, Waiting
from harness.tap.replay.reorder import Item, Step, TooMuch, find_order, rerun, returned
from harness.tap.replay.world import World

_MOST_WAITING = 64
_LONGEST_LOG = 128
_MOST_REORDERED = 16
_TOO_LATE = "it follows only from what was called when this had returned"


@dataclass(slots=True)
class Placer:
    """Keeps the state, what is under way, what waits, and the last things placed."""

    world: World
    court: Court
    under_way: dict[int, UnderWay] = field(default_factory=dict)
    commits: int = 0
    reordered: int = 0
    _newest: int = 0
    _last_of: dict[int, int] = field(default_factory=dict)
    _waiting: list[Waiting] = field(default_factory=list)
    _log: list[Placed] = field(default_factory=list)

    def begin(self, call: Call) -> None:
        """A call of the host was made."""
        self.under_way[call.record.cpu] = UnderWay(call, self.commits)

    def alone(self, cpu: int, mark: int) -> World | None:
        """The state, to be changed in place by what began there and overlaps with nothing."""
        if not self.is_alone(cpu, mark):
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
        self.commits += 1
        self.under_way.clear()
        self._waiting.clear()
        self._log.clear()

    def add(self, cpu: int, mark: int, *ops: Op) -> None:
        """This happened on a CPU, at the earliest when ``mark`` things had been placed."""
        blockers = self._blockers(cpu)
        self._waiting += [Waiting(op, cpu, mark, blockers) for op in ops]
        self.settle()

    def _blockers(self, cpu: int) -> frozenset[int]:
        return frozenset(u.call.seq for u in self.under_way.values() if u.call.cpu != cpu)

    def settle(self, *, last: bool = False) -> None:
        """Place what can be placed; with ``last`` wait for nothing."""
        while self._waiting and self._advance(last=last):
            pass

    def _advance(self, *, last: bool) -> bool:
        for waiting in self._heads():
            done = waiting.op.run(self.world)
            if not done.problem and self._newest < returned(waiting.op):
                self._place(waiting, done)
                return True
        if any(map(self._excused, self._heads())) or self._after_entry():
            return True
        first = self._waiting[0]
        if not last and len(self._waiting) < _MOST_WAITING and self._is_blocked(first):
            return False
        if not self._put_before(first):
            done = first.op.run(self.world)
            self._reorder(first, done if done.problem else replace(done, problem=_TOO_LATE))
        return True

    def _heads(self) -> Iterator[Waiting]:
        """Of each CPU the first that waits: a CPU does one thing after the other."""
        seen: set[int] = set()
        for waiting in list(self._waiting):
            if waiting.cpu not in seen:
                seen.add(waiting.cpu)
                yield waiting

    def _is_blocked(self, waiting: Waiting) -> bool:
        return any(u.call.seq in waiting.blockers for u in self.under_way.values())

    def _place(self, waiting: Waiting, done: Done) -> None:
        self._waiting.remove(waiting)
        self._commit(waiting.op, waiting.cpu, done)

    def _commit(self, op: Op, cpu: int, done: Done) -> None:
        self._log.append(Placed(op, cpu, self.world))
        if len(self._log) > 2 * _LONGEST_LOG:
            del self._log[:_LONGEST_LOG]
        self._count(op, cpu)
        self.world = done.world
        self.court.placed(op, done)

    def _count(self, op: Op, cpu: int) -> None:
        self.commits += 1
        self._newest = max(self._newest, op.call.seq)
        self._last_of[cpu] = self.commits

    def _excused(self, waiting: Waiting) -> bool:
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
            self.commits += 1
            self._log.clear()

    def _after_entry(self) -> bool:
        """Try it after a REC_ENTER that is under way on another CPU, as it may be for long."""
        busy = {waiting.cpu for waiting in self._waiting}
        for cpu, under_way in self.under_way.items():
            is_open = not (under_way.assumed or under_way.begun or cpu in busy)
            if not is_open or under_way.call.name != REC_ENTER:
                continue
            assumed = Assumed(under_way.call, under_way.asked)
            done = assumed.run(self.world)
            for waiting in self._heads():
                if under_way.call.seq in waiting.blockers and done.world is not self.world:
                    then = waiting.op.run(done.world)
                    if not then.problem and self._newest < returned(waiting.op):
                        under_way.assumed = True
                        self.reordered += 1
                        self._commit(assumed, cpu, done)
                        self._place(waiting, then)
                        return True
        return False

    def confirm(self, op: Rmi, cpu: int, mark: int) -> None:
        """A call has returned whose effect was assumed: right, or there was another order."""
        at = next((n for n, one in enumerate(self._log) if _is_guess_of(one.op, op)), None)
        if at is None:
            self._go_on(self.court.undecided(op, self.world))
            return
        before = self._log[at].before
        steps = rerun(before, [(op, cpu), *self._log_from(at + 1)])
        if steps is not None:
            self._adopt(at, steps)
            self.court.placed(op, steps[0][2])
            return
        late = Waiting(op, cpu, mark, self._blockers(cpu))
        self._waiting.insert(0, late)
        self._reorder(late, replace(op.run(before), world=self.world))
        self.settle()

    def _put_before(self, waiting: Waiting) -> bool:
        """Try it before the things that were placed since its CALL, the last ones first."""
        first = max(0, len(self._log) - (self.commits - waiting.mark))
        for at in range(self._last_place(waiting), first - 1, -1):
            other = self._log[at]
            if other.cpu == waiting.cpu or returned(other.op) < waiting.op.call.seq:
                break
            ops = [(waiting.op, waiting.cpu), *self._log_from(at)]
            steps = rerun(other.before, ops)
            if steps is not None:
                self._waiting.remove(waiting)
                self._adopt(at, steps)
                self._tell(waiting, steps[0][2])
                self.reordered += 1
                return True
        return False

    def _last_place(self, waiting: Waiting) -> int:
        """The first of the log that was called when this had returned; or the last of all."""
        until = returned(waiting.op)
        late = (at for at, one in enumerate(self._log) if one.op.call.seq > until)
        return next(late, len(self._log) - 1)

    def _log_from(self, at: int) -> list[tuple[Op, int]]:
        return [(placed.op, placed.cpu) for placed in self._log[at:]]

    def _adopt(self, at: int, steps: list[Step]) -> None:
        """From there on it was as these steps say."""
        self._log[at:] = [Placed(item.op, item.cpu, before) for item, before, _ in steps]
        self.world = steps[-1][2].world

    def _tell(self, fresh: Waiting, done: Done) -> None:
        """The court hears of something when it gets its first place."""
        self._count(fresh.op, fresh.cpu)
        self.court.placed(fresh.op, done)

    def _reorder(self, waiting: Waiting, done: Done) -> None:
        """Look for another order of what overlapped that has a place for this; or give up."""
        at, is_all = self._overlap(waiting)
        try:
            steps = self._find_order(waiting, at)
        except TooMuch:
            steps, is_all = None, False
        if steps is not None:
            self._adopt(at, steps)
            self._tell_all(steps)
            self.reordered += 1
            return
        self._waiting.remove(waiting)
        if is_all and not self._may_exit(waiting):
            self._go_on(self.court.broken(waiting.op, done))
        else:
            self._go_on(self.court.undecided(waiting.op, self.world))

    def _tell_all(self, steps: list[Step]) -> None:
        for item, _, done in steps:
            fresh = next((one for one in self._waiting if one.op is item.op), None)
            if fresh is not None:
                self._waiting.remove(fresh)
                self._tell(fresh, done)

    def _find_order(self, waiting: Waiting, at: int) -> list[Step] | None:
        """An order of the log from there on and what waits; at last with what is under way."""
        tail = [one for one in self._log[at:] if not _is_guess_of(one.op, waiting.op)]
        before = self._log[at].before if at < len(self._log) else self.world
        items = [Item(one.op, one.cpu, must=not self._is_guess(one.op)) for one in tail]
        items += [Item(one.op, one.cpu, must=one is waiting) for one in self._waiting]
        guesses = [
            Item(Assumed(one.call, one.asked), cpu, must=False)
            for cpu, one in self.under_way.items()
            if not one.begun and not one.assumed
        ]
        steps = find_order(before, items)
        if steps is None and guesses:
            steps = find_order(before, [*items, *guesses])
        if steps is not None:
            self._assume({item.op.call.seq for item, _, _ in steps}, tail)
        return steps

    def _is_guess(self, op: Op) -> bool:
        """Its effect is assumed, and nothing has shown it yet."""
        under_way = self.under_way.get(op.call.cpu)
        if not isinstance(op, Assumed) or under_way is None:
            return False
        return under_way.call is op.call and not under_way.begun

    def _assume(self, chosen: set[int], tail: list[Placed]) -> None:
        """Of what is under way these were chosen; what was assumed before the tail stays so."""
        dropped = {one.op.call.seq for one in tail if self._is_guess(one.op)} - chosen
        for under_way in self.under_way.values():
            if under_way.begun:
                continue
            seq = under_way.call.seq
            self.commits += seq in chosen and not under_way.assumed
            under_way.assumed = (under_way.assumed and seq not in dropped) or seq in chosen

    def _overlap(self, waiting: Waiting) -> tuple[int, bool]:
        """Where in the log begins what overlaps with something that waits, or with each other.

        And whether the log has all that was placed since this can have happened.
        """
        earliest = min(one.op.call.seq for one in self._waiting)
        at = end = len(self._log)
        for number in range(end - 1, max(0, end - _MOST_REORDERED) - 1, -1):
            if returned(self._log[number].op) >= earliest:
                earliest = min(earliest, *(one.op.call.seq for one in self._log[number:at]))
                at = number
        since = max(waiting.mark, self._last_of.get(waiting.cpu, 0))
        return at, self.commits - since <= end

    def _may_exit(self, waiting: Waiting) -> bool:
        """A REC of its realm runs elsewhere: an exit has effects before the host is told."""
        realm = realm_of(waiting.op.call, self.world)
        entries = [one.call for one in self.under_way.values() if one.call.name == REC_ENTER]
        return realm is not None and any(
            call.seq in waiting.blockers and realm_of(call, self.world) == realm for call in entries
        )


def _is_guess_of(op: Op, seen: Op) -> bool:
    """The op assumes what has now been seen."""
    return isinstance(op, Assumed) and isinstance(seen, Rmi) and op.call is seen.call
