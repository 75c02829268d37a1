# SPDX-License-Identifier: BSD-3-Clause
"""The rules over the tap in a session: which of them a test must not break, and did it.

A machine's judge sees everything from the boot on, so that it always knows the state; after
each test it takes what is new. RMM rules hold in every test. Host rules hold where there is
a host with a will of its own (``linux``), or where a test asks (``host_rules``). A test that
provokes a violation names the rule (``violates``), and fails if it does not provoke it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.coverage import claims
from harness.errors import HarnessError
from harness.stack import BuiltStack
from harness.tap import TapFile
from harness.tap.decode import name_of
from harness.tap.layout import RECORD_BYTES
from harness.tap.replay import UNSURE, Reasons
from harness.tap.rules import Judge, Violation, choose
from harness.tap.stream import NO_NEWS, Assembler

_SHOWN = 5
RMI_1_0 = "rmi-1.0"


class RuleBroken(HarnessError):
    """Host or RMM did what a rule forbids, or a test did not provoke what it says it does."""

    verdict = "assertion"


@dataclass(frozen=True, slots=True)
class Terms:
    """Names of the rules that hold for a test, and of those that it breaks on purpose."""

    hold: frozenset[str]
    broken: frozenset[str] = frozenset()


def terms_of(item: pytest.Item) -> Terms:
    """What a test's markers say. HarnessError for a rule that there is not."""
    broken = breaks(item)
    sides = ["rmm"]
    if any(item.get_closest_marker(name) for name in ("host_rules", "linux")):
        sides.append("host")
    return Terms(choose(sides) - broken, broken)


def breaks(item: pytest.Item) -> frozenset[str]:
    """The rules that a test breaks on purpose."""
    return choose(name for marker in item.iter_markers("violates") for name in marker.args)


class Trial:
    """The judge of one machine, over all of its life."""

    def __init__(self, path: Path, built: BuiltStack) -> None:
        self.path = path
        self._next = 0
        self._assembler = Assembler()
        self._file = TapFile(path)
        self._judge = Judge(self._file.header(), is_1_0=RMI_1_0 in built.capabilities)
        self.reasons = Reasons(set)
        """Why calls failed, of a test that names reasons: there may be millions of others."""
        self.terms = Terms(choose(["rmm"]))

    @property
    def terms(self) -> Terms:
        """What holds for the test that runs."""
        return self._terms

    @terms.setter
    def terms(self, terms: Terms) -> None:
        self._terms = terms
        self._judge.hold(terms.hold | terms.broken)

    def begin(self) -> None:
        """A new test: what was before is not its doing."""
        self._catch_up()
        self._judge.settle()
        self._judge.violations.clear()
        self._judge.tally.by_rule.clear()
        self._judge.note_reasons(None)
        self.reasons.clear()

    def check(self) -> None:
        """The test is over. Raises ``RuleBroken``."""
        if claims():
            self._judge.note_reasons(self.reasons)
        self._catch_up()
        self._judge.end()
        found = self.found()
        if found:
            raise RuleBroken(self._text(found), hint=f"cca judge {self.path}")
        self._check_claims()
        missing = self.terms.broken - self._judge.tally.by_rule.keys()
        if missing:
            raise RuleBroken(
                f"the test says that it violates {', '.join(sorted(missing))}, and did not",
                hint="take the marker away, or look at what the test does",
            )

    def _check_claims(self) -> None:
        """Conditions that share status and index are told apart by the model alone."""
        named, held = claims(), Reasons(set)
        for count in {len(claim.call) for claim in named}:
            for (call, answer), why in self.reasons.items():
                held[call[:count], answer] |= why
        for claim in named:
            known = held.get((claim.call, claim.answer), {UNSURE})
            if UNSURE not in known and claim.condition not in known:
                raise RuleBroken(
                    f'the test names "{claim.condition}" as the reason why '
                    f"{name_of(claim.call[0])} failed; by the model it was "
                    f"{', '.join(sorted(known))}",
                    hint="the answer is the same, the coverage is not: name what the test does",
                )

    def found(self) -> list[Violation]:
        """What was seen so far of broken rules that hold for this test; also after ``close``."""
        self._catch_up()
        return [one for one in self._judge.violations if one.rule in self.terms.hold]

    def _text(self, found: list[Violation]) -> str:
        lines = [str(violation) for violation in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"and {len(found) - _SHOWN} more violations")
        return "\n".join(lines)

    def close(self) -> None:
        """The machine is gone. Idempotent."""
        self._file.close()

    def _catch_up(self) -> None:
        if self._file.closed:
            return
        for data in self._file.chunks(self._next):
            self._next += len(data) // RECORD_BYTES
            for event in self._assembler.chunk(data, NO_NEWS):
                self._judge.feed(event)
