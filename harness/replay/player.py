# SPDX-License-Identifier: BSD-3-Clause
"""Plays a recipe on a machine, the model beside it: every answer must be the strict one.

Where the model enters a REC and lets it act, the payload runs on the real one. It reports
by host calls, of which the model knows nothing: the model's realm "runs" while the real
REC waits in such an exit for its next command. A REC that has to run during a call gets
a command that spins, on its own PE, until an interrupt ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.coverage import record
from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.link import Pending
from harness.model import (
    Access,
    Activity,
    Call,
    Continues,
    EnterVerdict,
    Exits,
    Interrupt,
    Kind,
    Smc,
    State,
    Verdict,
    act,
    as_seen,
    step,
)
from harness.model.scenarios import Do, Kit, Step
from harness.realm import Exit, Guest, HostCallExit, NormalWorld, Rec, Report, a64
from harness.realm.observe import Snapshot, changes, observe
from harness.replay.scope import scope_of
from harness.replay.undo import undoing
from harness.rmi import Fails
from harness.types import GRANULE_BYTES, Ipa, Pa

_FOREVER_TICKS = 1 << 40
_STOP_SGI = 1
_START_TIMEOUT_S = 5.0


class PlayFailed(HarnessError):
    """Machine and model disagree, or a call that failed changed something."""

    verdict = "assertion"


class Player:
    """One recipe on one machine."""

    def __init__(self, world: NormalWorld, kit: Kit) -> None:
        self.world = world
        self.state = State(kit.platform)
        self._program = frozenset(ipa for ipa, _ in kit.program)
        self._guests: dict[int, Guest] = {}
        self._in_exit: set[int] = set()
        self._spinning: dict[int, tuple[Guest, Pending[tuple[int, ...]]]] = {}

    def play(self, steps: Iterable[Step]) -> None:
        """Issue steps that succeed: calls that follow each other go to the machine together."""
        together: list[tuple[Call, Verdict]] = []
        for made in steps:
            if isinstance(made, Do):
                self._issue(together)
                self._do(made)
                continue
            if not _may_follow(together, made):
                self._issue(together)
            verdict, self.state = step(self.state, made)
            if isinstance(verdict, EnterVerdict):
                continue  # the real REC is entered when it has something to do
            self._write_pages(made)
            together.append((made, verdict))
            if not verdict.ok:
                self._issue(together)
                raise PlayFailed(f"this was to succeed\n{verdict.explain()}")
        self._issue(together)

    def finish(self, final: Step) -> None:
        """Issue the call that has to fail, and compare everything around it."""
        self._let_run(final)
        if isinstance(final, Call):
            self._write_pages(final)
        before = self.state
        scope = scope_of(before, final, self._program)
        seen = observe(self.world, scope)
        if isinstance(final, Do):
            self._do(final)
        else:
            verdict, self.state = step(before, final)
            if not isinstance(verdict, EnterVerdict):
                self._issue([(final, verdict)])
        if self.state is before or isinstance(final, Do):
            self._unchanged(seen, observe(self.world, scope))

    def undo(self) -> None:
        """Take everything back; that each call succeeds is a look at the state, too."""
        for rec, (guest, running) in list(self._spinning.items()):
            self.world.link.sgi(guest.pe, _STOP_SGI)
            running.wait()
            self.world.link.irq_ack(pe=guest.pe)
            del self._spinning[rec]
        for pa, rec_state in self.state.recs.items():
            if rec_state.running is not None:
                _, self.state = act(self.state, pa, Interrupt())
        self.play(undoing(self.state))

    def _issue(self, together: list[tuple[Call, Verdict]]) -> None:
        """Issue calls of one PE and empty the list. The first that fails is the last."""
        if not together:
            return
        words = [(made.fid, *made.args) for made, _ in together]
        done = self.world.link.smc_each(words, pe=together[0][0].pe, stop_at_failure=True)
        for (_, verdict), x in zip(together, done, strict=False):
            if not verdict.strict.accepts(x):
                raise PlayFailed(f"the machine answers otherwise\n{verdict.explain(x)}")
            record(verdict.name, verdict.condition)
        together.clear()

    def _write_pages(self, made: Call) -> None:
        for pa in made.args:
            content = made.memory.get(pa)
            if content is not None:
                self.world.write(pa, content)

    def _do(self, made: Do) -> None:
        guest = self._guest(made.rec)
        outcome, self.state = act(self.state, made.rec, made.activity)
        seen = _submit(guest, made.activity)
        if isinstance(outcome, Exits):
            self._in_exit.add(made.rec)
            wrong = outcome.mismatches(seen.record)
            self.state = as_seen(self.state, made.rec, outcome, seen.record)
        else:
            wrong = _wrong_report(outcome, seen)
        if wrong:
            raise PlayFailed("\n".join([f"{made.activity} on REC {made.rec:#x}:", *wrong]))
        if isinstance(outcome, Continues) and outcome.verdict is not None:
            record(outcome.verdict.name, outcome.verdict.condition)

    def _guest(self, rec: int) -> Guest:
        """The payload on an entered REC, waiting for a command."""
        if rec not in self._guests:
            host = Rec(self.world, Pa(rec), (), self.world.page(), 0, b"")
            self._guests[rec] = Guest(host)
            self._guests[rec].boot()
        elif rec in self._in_exit:
            self._in_exit.discard(rec)
            self._guests[rec].finish(self._guests[rec].resume())
        return self._guests[rec]

    def _let_run(self, final: Step) -> None:
        """Bring the RECs that the model has running into the state that ``final`` needs."""
        for rec in self.state.recs.values():
            if rec.running is None:
                continue
            guest = self._guest(rec.pa)
            if not (isinstance(final, Do) and final.rec == rec.pa):
                guest.pe = rec.running.pe
                self._spinning[rec.pa] = guest, guest.start("SPIN", _FOREVER_TICKS)
                self._await_running(rec.rd, rec.pa)

    def _await_running(self, rd: int, rec: int) -> None:
        """As Realm.wait_running: an address that no request names tells READY from RUNNING."""
        deadline = Deadline.after(_START_TIMEOUT_S)
        top = self.state.realms[rd].protected_top
        ask = (Pa(rd), Pa(rec), Ipa(top - GRANULE_BYTES), Ipa(top))
        while self.world.rmi.rtt_set_ripas(*ask) != Fails("rec_state"):
            if deadline.expired:
                raise PlayFailed(f"REC {rec:#x} did not start to run in {_START_TIMEOUT_S:g} s")

    def _unchanged(self, before: Snapshot, after: Snapshot) -> None:
        found = changes(before, after)
        if found:
            raise PlayFailed("\n".join(["the call failed and yet changed:", *found]))


def _may_follow(together: Sequence[tuple[Call, Verdict]], made: Call) -> bool:
    """Whether a call may be issued with the others: its pages are written before all of them."""
    pages = {pa for pa in made.args if made.memory.get(pa) is not None}
    return all(other.pe == made.pe and pages.isdisjoint(other.args) for other, _ in together)


def _submit(guest: Guest, activity: Activity) -> Exit:
    """Have the payload do it; the next exit."""
    match activity:
        case Smc(x=x):
            return guest.submit("SMC", *x)
        case Access(has_syndrome=False, kind=Kind.READ, ipa=ipa):
            return guest.submit_insn(a64.load_pair(0, 1, 3), [(3, ipa)])
        case Access(has_syndrome=True, kind=Kind.READ, ipa=ipa, width_bytes=width):
            return guest.submit("READ", ipa, width)
        case Access(has_syndrome=True, kind=Kind.WRITE, ipa=ipa, width_bytes=width, value=value):
            return guest.submit("WRITE", ipa, width, value)
    raise HarnessError(f"the player cannot have a realm do {activity}")


def _wrong_report(outcome: Continues, seen: Exit) -> list[str]:
    if not isinstance(seen, HostCallExit):
        return [f"wanted the realm to go on, seen {seen.describe()}"]
    x = Report.of(seen).values
    if outcome.verdict is None or outcome.verdict.strict.accepts(x):
        return []
    return [outcome.verdict.explain(x)]
