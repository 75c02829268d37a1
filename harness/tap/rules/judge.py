# SPDX-License-Identifier: BSD-3-Clause
"""All rules over one stream of events, in bounded memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from harness.abi import tables
from harness.errors import HarnessError
from harness.tap.boots import BOOTED, CPU_ON, Boots
from harness.tap.events import Call, Event, Lost, Return
from harness.tap.layout import Header, State
from harness.tap.replay import Mismatch, Reasons, Replay, ReplayTally
from harness.tap.rules import creating, entering, mapping, rmm
from harness.tap.rules.books import Books
from harness.tap.rules.rule import Rule, Violation

RULES: tuple[type[Rule], ...] = (
    creating.RecsAscending,
    creating.RecsWhileNew,
    creating.AuxCount,
    creating.RdDelegatedFirst,
    creating.FailedCreateUndelegates,
    creating.RootsAfterDestroy,
    mapping.MissingTable,
    mapping.LastLevel,
    mapping.RaceNotFatal,
    entering.RipasAnswered,
    entering.MmioAnswered,
    entering.MmioOnlyAfterAbort,
    entering.MmioValue,
    entering.GicBits,
    entering.OnePe,
    entering.PsciCompleted,
    creating.Leaks,
    rmm.GptChanged,
    rmm.RecRunsOnce,
    rmm.LiveTable,
    rmm.ModelVerdict,
)
"""Every rule that there is."""

_NON_SECURE, _REALM = int(State.NON_SECURE), int(State.REALM)
_HYPERVISOR = 2
_MOST_KEPT = 1000
_MODEL_RULES = {rmm.ModelVerdict.name, rmm.LiveTable.name}


def choose(words: Iterable[str]) -> frozenset[str]:
    """Names of rules for names and sides; HarnessError for a word that is neither."""
    names: set[str] = set()
    known = {rule.name for rule in RULES}
    for word in words:
        chosen = {rule.name for rule in RULES if word in (rule.name, rule.side)}
        if not chosen:
            raise HarnessError(
                f"no rule is named {word}", hint=f"host, rmm, or one of {', '.join(sorted(known))}"
            )
        names |= chosen
    return frozenset(names)


@dataclass(slots=True)
class Tally:
    """How much was looked at. ``by_rule`` counts all violations, also those not kept."""

    events: int = 0
    lost: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    replay: ReplayTally = field(default_factory=ReplayTally)


class Judge:
    """Feed it the events of one file, from the beginning or from anywhere.

    ``is_1_0`` says whether the RMM is one of RMI 1.0, for which the model is; None: it says so
    itself. ``violations`` has what was found since it was last cleared, at most a thousand.
    """

    def __init__(
        self, header: Header, rules: Collection[str] | None = None, *, is_1_0: bool | None = None
    ) -> None:
        wanted = {rule.name for rule in RULES} if rules is None else set(rules)
        self.violations: list[Violation] = []
        self.tally = Tally()
        self.books = Books()
        self._boots = Boots()
        self._rules = [rule() for rule in RULES if rule.name in wanted]
        self._replay: Replay | None = None
        if wanted & _MODEL_RULES and is_1_0 is not False:
            self._replay = Replay(header, self._mismatch, is_1_0=bool(is_1_0))
            self.tally.replay = self._replay.tally
        self._wanted = wanted
        self._held: list[Rule] = []
        self._on_call: dict[int, list[Rule]] = {}
        self._on_return: dict[int, list[Rule]] = {}
        self._of_realm: list[Rule] = []
        self.hold(wanted)

    def hold(self, names: Collection[str]) -> None:
        """From now on ask only these rules; one that was not asked before knows nothing."""
        before, self._held = self._held, []
        on_call: dict[int, list[Rule]] = defaultdict(list)
        on_return: dict[int, list[Rule]] = defaultdict(list)
        for rule in self._rules:
            if rule.name not in names and not rule.always:
                continue
            if rule not in before:
                rule.lost()
            self._held.append(rule)
            for fid in (tables().command(name).fid for name in rule.watches):
                if type(rule).call is not Rule.call:
                    on_call[fid].append(rule)
                if type(rule).back is not Rule.back:
                    on_return[fid].append(rule)
        self._on_call, self._on_return = dict(on_call), dict(on_return)
        self._of_realm = [rule for rule in self._held if rule.realm]

    def note_reasons(self, reasons: Reasons | None) -> None:
        """From now on note there why calls failed, as far as the model can tell; or nowhere."""
        if self._replay is not None:
            self._replay.reasons = reasons

    def feed(self, event: Event) -> None:
        """Take the next event."""
        self.tally.events += 1
        if isinstance(event, Lost):
            self._lost(event)
            return
        record = event.record
        if record.state == _NON_SECURE:
            if record.level == _HYPERVISOR:
                self._host(event)
        elif record.state == _REALM:
            if record.level == _HYPERVISOR:
                self._rmm(event)
            elif record.rec:
                self._realm(event)

    def settle(self) -> None:
        """Decide about what waits for things that overlapped with it."""
        if self._replay is not None:
            self._replay.settle()

    def end(self) -> None:
        """Judge what can be judged only when nothing more is to come, or a test is over."""
        self.settle()
        for rule in self._held:
            self._keep(rule.end(self.books))

    def _host(self, event: Call | Return) -> None:
        if self._replay is not None:
            self._replay.host(event)
        if isinstance(event, Call):
            fid = event.record.x[0]
            for rule in self._on_call.get(fid, ()):
                self._keep(rule.call(event, self.books))
        elif event.call is None:
            return
        else:
            fid = event.call.record.x[0]
            for rule in self._on_return.get(fid, ()):
                self._keep(rule.back(event, self.books))
            self.books.enter(event)
        if fid == CPU_ON:
            self._boots.host(event)

    def _rmm(self, event: Call | Return) -> None:
        if isinstance(event, Call):
            if event.record.x[0] == BOOTED and self._boots.is_cold():
                self._booted()
        elif event.call is not None:
            for rule in self._on_return.get(event.call.record.x[0], ()):
                self._keep(rule.back(event, self.books))

    def _realm(self, event: Call | Return) -> None:
        if self._replay is not None:
            self._replay.realm(event)
        for rule in self._of_realm:
            self._keep(rule.of_realm(event, self.books))

    def _booted(self) -> None:
        if self._replay is not None:
            self._replay.booted()
        self._forget(complete=True)

    def _lost(self, event: Lost) -> None:
        if self._replay is not None:
            self._replay.lost()
        self._boots.lost()
        self._forget(complete=False)
        self.tally.lost += event.count

    def _forget(self, *, complete: bool) -> None:
        self.books.begin(complete=complete)
        for rule in self._held:
            rule.lost()

    def _mismatch(self, mismatch: Mismatch) -> None:
        rule: type[Rule] = rmm.ModelVerdict
        if mismatch.call.name == "RMI_RTT_DESTROY" and mismatch.condition == "rtt_live":
            rule = rmm.LiveTable
        if rule.name in self._wanted:
            events = [mismatch.call] if mismatch.seen is None else [mismatch.seen]
            self._keep([rule().broken(mismatch.explanation, *events, first=mismatch.call.seq)])

    def _keep(self, found: Iterable[Violation]) -> None:
        for violation in found:
            self.tally.by_rule[violation.rule] += 1
            if len(self.violations) < _MOST_KEPT:
                self.violations.append(violation)
