# SPDX-License-Identifier: BSD-3-Clause
"""RECs that stay RUNNING on a PE while others make calls: the program spins on a word.

Needs a link that reads delegated memory, and a PE other than 0.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from harness.deadline import Deadline
from harness.errors import LinkTimeout
from harness.link import Pending
from harness.model import Continues, State, act
from harness.model.realm_side.activity import Interrupt
from harness.oracle import program
from harness.oracle.disagree import Disagreement
from harness.oracle.program import Phase
from harness.oracle.residents import Plan, Residents
from harness.oracle.seen import compare_exit, compare_run
from harness.oracle.steps import Issue

SGI = 3
"""Interrupt for the host."""

_TIMEOUT_S = 5.0
_NAP_S = 50e-6


@dataclass(frozen=True, slots=True)
class Nap:
    """A REC that runs: the call that entered it, its run page, its answer to come."""

    rec: int
    run: int
    answer: Pending[tuple[int, ...]]


class Naps:
    """By PE."""

    def __init__(self, residents: Residents) -> None:
        self.residents = residents
        self.link = residents.memory.link
        self.on: dict[int, Nap] = {}

    def begin(self, made: Issue, state: State) -> None:
        """Enter the REC and wait until its program has begun to spin."""
        memory = self.residents.memory
        rec = made.args[0]
        base = self.residents.rec_state_pa(state, state.recs[rec])
        memory.put_word(base + program.FLAG_AT, 0)
        memory.put_word(base + program.BEGUN_AT, 1)
        answer = self.link.start_smc(made.fid, *made.args, pe=made.pe)
        self.on[made.pe] = Nap(rec, made.args[1], answer)
        deadline = Deadline.after(_TIMEOUT_S)
        while memory.word(base + program.BEGUN_AT):
            if answer.done():
                raise Disagreement("a REC that has to run", "RUNNING", "RMI_REC_ENTER is back")
            if deadline.expired:
                raise LinkTimeout(f"the REC on PE {made.pe} does not begin with its command")
            time.sleep(_NAP_S)

    def interrupt(self, pe: int, state: State, sender: int) -> State:
        """End a nap by an interrupt: an exit, after which the program has nothing left to do."""
        nap = self.on.pop(pe)
        self.link.sgi(pe, SGI, pe=sender)
        self._wait(nap)
        self.link.irq_ack(pe=pe)
        outcome, after = act(state, nap.rec, Interrupt())
        compare_exit(self.residents, outcome, nap.run)
        self._tell(nap, state)
        bodies = self.residents.bodies
        bodies[nap.rec] = replace(bodies[nap.rec], begun=True)
        return after

    def end(self, pe: int, state: State) -> State:
        """Tell the program to go on: it reports."""
        nap = self.on.pop(pe)
        self._tell(nap, state)
        self._wait(nap)
        bodies = self.residents.bodies
        bodies[nap.rec] = replace(bodies[nap.rec], phase=Phase.WAITING, begun=False)
        plan = Plan(nap.rec, state, bodies[nap.rec], result=Continues())
        return compare_run(self.residents, plan, nap.run)

    def _tell(self, nap: Nap, state: State) -> None:
        base = self.residents.rec_state_pa(state, state.recs[nap.rec])
        self.residents.memory.put_word(base + program.FLAG_AT, program.NAP_OVER)

    def _wait(self, nap: Nap) -> None:
        x0 = nap.answer.wait(_TIMEOUT_S)[0]
        if x0:
            raise Disagreement("result of the RMI_REC_ENTER that ran", "success", f"x0={x0:#x}")
