# SPDX-License-Identifier: BSD-3-Clause
"""Two calls at once on two PEs: what comes of them must be what some order of them gives.

Each PE runs a small program in the monitor: it waits for the other, does something harmless
for a moment, makes its call. An RMI call counts as one event; RMI_REC_ENTER as three, the
entry, what the realm does, and the exit, so that another call may come in the midst of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from harness.abi import tables
from harness.link import STEP_READ, Pending, Program, ProgramResult
from harness.link import Step as ProgramStep
from harness.model import EnterVerdict, step
from harness.oracle.disagree import Disagreement
from harness.oracle.duel import Duel
from harness.oracle.residents import Unplayable
from harness.oracle.seen import compare_run
from harness.oracle.steps import Issue
from harness.types import Pa

_BARRIER_PAGE = 440
_PROGRAM_PAGES = (444, 450)
A_CALL = 100
"""The wait of one RMI_VERSION, as long as some hundred reads: about 50 us."""

_VERSION = tables().command("RMI_VERSION").fid
_TIMEOUT_S = 5.0
_X = tuple[int, ...]


def collide(duel: Duel, calls: tuple[Issue, Issue], waits: tuple[int, int]) -> str:
    """Make two calls at once, and have the duel follow the order that explains the results.

    ``waits`` delay the calls: by so many reads of memory, A_CALL of them by one call. Returns
    what came of both. Raises Disagreement if no order does, AssertionError if two orders do and
    leave different states.
    """
    for made in calls:
        duel.write_fields(made)
    results = tuple(_at_once(duel, calls, waits))
    for made, x in zip(calls, results, strict=True):
        for observe in duel.link.observers:
            observe(made.pe, (made.fid, *made.args), x)
    return _Referee(duel, calls, results).decide()


def _at_once(duel: Duel, calls: Sequence[Issue], waits: Sequence[int]) -> Iterator[_X]:
    barrier = Pa(duel.ground.page(_BARRIER_PAGE))
    duel.link.write(barrier, bytes(8))
    started: list[Pending[ProgramResult]] = []
    for made, count, page in zip(calls, waits, _PROGRAM_PAGES, strict=True):
        at = Pa(duel.ground.page(page))
        steps = [ProgramStep(_VERSION, (0x1_0000,))] * (count // A_CALL)
        steps += [ProgramStep(0, (barrier,), kind=STEP_READ)] * (count % A_CALL)
        steps.append(ProgramStep(made.fid, made.args))
        program = Program(
            steps, at, keep_results=len(steps), barrier=barrier, barrier_count=len(calls)
        )
        started.append(duel.link.start_program(program, pe=made.pe))
    for pending in started:
        yield pending.wait(_TIMEOUT_S).results[-1]


class _Referee:
    """Tries the orders in which two calls may have happened."""

    def __init__(self, duel: Duel, calls: tuple[Issue, Issue], results: tuple[_X, ...]) -> None:
        self.duel = duel
        self.done = tuple(zip(calls, results, strict=True))

    def decide(self) -> str:
        duel = self.duel
        before = duel.state, dict(duel.bodies), set(duel.residents.homes)
        found, refused = [], []
        for is_inside, (first, second) in product((False, True), (self.done, self.done[::-1])):
            duel.state, duel.residents.homes = before[0], set(before[2])
            duel.residents.bodies = dict(before[1])
            try:
                came = (self._inside if is_inside else self._in_order)(first, second)
            except Disagreement as why:
                refused.append(f"{first[0].name} first: {why.message}".replace("\n", "\n  "))
            except Unplayable:
                pass
            else:
                found.append((came, duel.state, duel.residents.bodies, duel.residents.homes))
        if not found:
            made = " and ".join(str(duel.call(made)) for made, _ in self.done)
            raise Disagreement(
                f"results of {made} at once", "what an order of them gives", "\n  ".join(refused)
            )
        assert all(one[1] == found[0][1] for one in found), "two orders explain the results"
        came, duel.state, duel.residents.bodies, duel.residents.homes = found[0]
        return came

    def _in_order(self, *done: tuple[Issue, _X]) -> str:
        return ", ".join(self._single(made, x) for made, x in done)

    def _single(self, made: Issue, x: _X) -> str:
        duel = self.duel
        verdict, after = step(duel.state, duel.call(made))
        if not isinstance(verdict, EnterVerdict):
            return duel.judge(made, verdict, after, x)
        plan = duel.residents.plan(made, verdict, after)
        duel.accept(verdict, x)
        duel.state = compare_run(duel.residents, plan, made.args[1])
        duel.bodies[made.args[0]] = plan.body
        return plan.came

    def _inside(self, entry: tuple[Issue, _X], other: tuple[Issue, _X]) -> str:
        """The other call while the REC runs, before it does anything."""
        duel = self.duel
        verdict, running = step(duel.state, duel.call(entry[0]))
        if not isinstance(verdict, EnterVerdict):
            raise Unplayable
        duel.state = running
        meanwhile, after = step(running, duel.call(other[0]))
        if isinstance(meanwhile, EnterVerdict):
            raise Unplayable  # entries of two RECs: any order gives the same
        came = duel.judge(other[0], meanwhile, after, other[1])
        plan = duel.residents.plan(entry[0], verdict, duel.state)
        duel.accept(verdict, entry[1])
        duel.state = compare_run(duel.residents, plan, entry[0].args[1])
        duel.bodies[entry[0].args[0]] = plan.body
        return f"{plan.came} around {came}"
