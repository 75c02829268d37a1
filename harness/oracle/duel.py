# SPDX-License-Identifier: BSD-3-Clause
"""Model and machine side by side: each step is done by both and compared at once."""

from __future__ import annotations

from collections import Counter

from harness.abi import codec
from harness.deadline import Deadline
from harness.errors import LinkError, LinkTimeout, MachineError
from harness.model import Call, EnterVerdict, GranuleState, State, Verdict, step
from harness.oracle.disagree import Disagreement
from harness.oracle.ground import Ground
from harness.oracle.memory import Memory
from harness.oracle.naps import SGI, Naps
from harness.oracle.program import Body
from harness.oracle.residents import Residents, Unplayable
from harness.oracle.seen import compare_run
from harness.oracle.steps import PAGES_OF, Issue, Peek, Step, Wake
from harness.realm import NormalWorld
from harness.types import GRANULE_BYTES, Pa

_OUTPUTS = 5
_CALL_TIMEOUT_S = 5.0


class Duel:
    """One state, as the model has it and as the machine has it.

    ``play`` raises Disagreement; after that the machine is of no use to anybody.
    """

    def __init__(self, world: NormalWorld, ground: Ground, pes: int = 1) -> None:
        self.link = world.link
        self.ground = ground
        self.pes = range(pes)
        self.memory = Memory(world.link, ground)
        self.state = State(ground.platform)
        self.residents = Residents(self.memory, ground)
        self.naps = Naps(self.residents)
        self.played: list[Step] = []
        self.answers: Counter[str] = Counter()

    @property
    def bodies(self) -> dict[int, Body]:
        """The program on each REC that can run it."""
        return self.residents.bodies

    @property
    def idle(self) -> list[int]:
        """PEs that serve calls."""
        return [pe for pe in self.pes if pe not in self.naps.on]

    def play(self, made: Step) -> str | None:
        """Do a step and compare; what came of it in a few words, None when it is impossible.

        A step is impossible when the model cannot foretell it (a REC without the program,
        say), or when its PE is busy.
        """
        try:
            came = self._play(made)
        except Unplayable:
            return None
        except Disagreement:
            self.played.append(made)
            raise
        except (LinkError, MachineError) as problem:
            self.played.append(made)
            raise Disagreement("no answer", "an answer", str(problem)) from problem
        self.played.append(made)
        self.answers[came] += 1
        return came

    def replay(self, made: Call, verdict: Verdict, after: State) -> None:
        """Do a call whose verdict is known already, of a scene."""
        for pa, content in dict(made.memory).items():  # type: ignore[call-overload]
            self.link.write(Pa(pa), content)
        x = self.link.smc(made.fid, *made.args, timeout_s=_CALL_TIMEOUT_S)
        self.accept(verdict, x)
        self.state = after

    def _play(self, made: Step) -> str:
        if made.pe not in (self.naps.on if isinstance(made, Wake) else self.idle):
            raise Unplayable
        match made:
            case Peek():
                return self._peek(made)
            case Wake():
                return self._wake(made)
        return self._issue(made)

    def _issue(self, made: Issue) -> str:
        self.write_fields(made)
        verdict, after = step(self.state, self.call(made))
        if isinstance(verdict, EnterVerdict):
            return self._enter(made, verdict, after)
        return self.judge(made, verdict, after, self._smc(made))

    def call(self, made: Issue) -> Call:
        """The step as the model takes it."""
        return Call(made.fid, made.args, self.memory, made.pe)

    def judge(self, made: Issue, verdict: Verdict, after: State, x: tuple[int, ...]) -> str:
        """Compare the result of a call that enters no REC, and follow it."""
        self.accept(verdict, x)
        if verdict.ok:
            self._look_at_memory(made)
        before, self.state = self.state, after
        if after is not before:
            self._note(made, before)
        return f"{verdict.name} {verdict.condition or 'success'}"

    def write_fields(self, made: Issue) -> None:
        """Write the parameter page of a call, where it has one."""
        found = PAGES_OF.get(made.name)
        if found is None or not made.args:
            return
        page = made.args[-1]
        if self.ground.is_page(page) and made.name != "RMI_REC_ENTER":
            self.link.write(Pa(page), codec(found[1]).encode(**dict(made.fields)))
        elif self.ground.is_page(page):
            self.link.write(Pa(page), self.residents.enter_area(self.state, made))

    def _smc(self, made: Issue) -> tuple[int, ...]:
        if not made.irq:
            return self.link.smc(made.fid, *made.args, pe=made.pe, timeout_s=_CALL_TIMEOUT_S)
        self.link.sgi(made.pe, SGI, pe=made.pe)
        deadline = Deadline.after(_CALL_TIMEOUT_S)
        while self.link.irq_pending(pe=made.pe) is None:
            if deadline.expired:
                raise LinkTimeout(f"the interrupt for PE {made.pe} does not become pending")
        x = self.link.smc(made.fid, *made.args, pe=made.pe, timeout_s=_CALL_TIMEOUT_S)
        self.link.irq_ack(pe=made.pe)
        return x

    def accept(self, verdict: Verdict, x: tuple[int, ...]) -> None:
        """Compare the result of a call. Raises Disagreement."""
        if not verdict.accepts(x[:_OUTPUTS]):
            told = verdict.explain(x[:_OUTPUTS]).splitlines()
            call, *wanted, seen = (line.partition(":")[2].strip() for line in told)
            raise Disagreement(f"result of {call}", ", or ".join(wanted), seen)

    def _look_at_memory(self, made: Issue) -> None:
        """What successful calls do to the contents of granules."""
        if not self.memory.sees_all:
            return
        if made.name == "RMI_GRANULE_UNDELEGATE" and self.ground.wipes:
            if not self.memory.is_zero(made.args[0]):
                raise Disagreement("contents of the granule given back", "zeros", "other bytes")
        elif made.name == "RMI_DATA_CREATE":
            wanted = self.link.read(Pa(made.args[3]), GRANULE_BYTES)
            if self.link.read(Pa(made.args[1]), GRANULE_BYTES) != wanted:
                raise Disagreement("contents of the new page", "those of src", "other bytes")

    def _note(self, made: Issue, before: State) -> None:
        """RECs come, go, and are switched on: programs with them."""
        bodies, recs = self.bodies, self.state.recs
        if made.name == "RMI_REC_CREATE":
            self.residents.settle(recs[made.args[1]])
        elif made.name == "RMI_REC_DESTROY":
            bodies.pop(made.args[0], None)
        elif made.name == "RMI_REALM_DESTROY":
            self.residents.homes.discard(made.args[0])
        elif made.name == "RMI_PSCI_COMPLETE":
            target = made.args[1]
            if recs[target].is_runnable and not before.recs[target].is_runnable:
                self.residents.settle(recs[target])

    def _enter(self, made: Issue, verdict: EnterVerdict, after: State) -> str:
        """Enter a REC that runs: plan first, so that nothing is begun that is impossible."""
        plan = self.residents.plan(made, verdict, after)
        if plan.naps:
            self.naps.begin(made, self.state)
            self.state = plan.state
        else:
            self.accept(verdict, self._smc(made))
            self.state = compare_run(self.residents, plan, made.args[1])
        self.bodies[made.args[0]] = plan.body
        return "nap begun" if plan.naps else plan.came

    def _wake(self, made: Wake) -> str:
        if made.irq:
            self.state = self.naps.interrupt(made.pe, self.state, self.idle[0])
            return "nap interrupted"
        self.state = self.naps.end(made.pe, self.state)
        return "nap ended"

    def _peek(self, made: Peek) -> str:
        seen = self.link.peek(Pa(made.pa), pe=made.pe).aborted
        granule = self.state.granule(made.pa)
        wanted = granule.state is not GranuleState.UNDELEGATED
        if seen != wanted:
            words = {True: "a granule protection fault", False: "a plain read"}
            what = f"host reads a granule that is {granule.state}"
            raise Disagreement(what, words[wanted], words[seen])
        return f"peek {'fault' if seen else 'read'}"
