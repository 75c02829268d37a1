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

from harness.errors import HarnessError
from harness.stack import BuiltStack
from harness.tap import TapFile
from harness.tap.rules import Judge, Violation, choose
from harness.tap.stream import Assembler

_SHOWN = 5
_RMI_1_0 = "rmi-1.0"


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
    broken = choose(name for marker in item.iter_markers("violates") for name in marker.args)
    sides = ["rmm"]
    if any(item.get_closest_marker(name) for name in ("host_rules", "linux")):
        sides.append("host")
    return Terms(choose(sides) - broken, broken)


class Trial:
    """The judge of one machine, over all of its life."""

    def __init__(self, path: Path, built: BuiltStack) -> None:
        self.path = path
        self.terms = Terms(choose(["rmm"]))
        self._next = 0
        self._assembler = Assembler()
        with TapFile(path) as file:
            self._judge = Judge(file.header(), is_1_0=_RMI_1_0 in built.capabilities)

    def begin(self) -> None:
        """A new test: what was before is not its doing."""
        self._catch_up()
        self._judge.settle()
        self._judge.violations.clear()
        self._judge.tally.by_rule.clear()

    def found(self) -> list[Violation]:
        """Violations so far of the rules that hold for this test."""
        self._catch_up()
        return [found for found in self._judge.violations if found.rule in self.terms.hold]

    def check(self) -> None:
        """The test is over. Raises ``RuleBroken``."""
        self._catch_up()
        self._judge.end()
        found = self.found()
        if found:
            raise RuleBroken(self._text(found), hint=f"cca judge {self.path}")
        missing = self.terms.broken - self._judge.tally.by_rule.keys()
        if missing:
            raise RuleBroken(
                f"the test says that it violates {', '.join(sorted(missing))}, and did not",
                hint="take the marker away, or look at what the test does",
            )

    def _text(self, found: list[Violation]) -> str:
        lines = [str(violation) for violation in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"and {len(found) - _SHOWN} more violations")
        return "\n".join(lines)

    def _catch_up(self) -> None:
        with TapFile(self.path) as file:
            for record in file.records(self._next):
                self._next += 1
                if (event := self._assembler.feed(record)) is not None:
                    self._judge.feed(event)
