# SPDX-License-Identifier: BSD-3-Clause
"""Does the tap's list of calls equal the harness's own?

The harness knows every SMC that it asked the normal-world monitor for, with x0..x7 before
and after. The tap must have seen the same ones, in the same order on each PE. Besides them
it sees what the monitor does by itself: PSCI calls, and the steps of a program.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.tap.events import Call, Event, Lost
from harness.tap.layout import State
from harness.types import MASK64

_REGISTERS = 8
_HOST_LEVEL = 2
_MONITOR_FAMILY = "PSCI"
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Made:
    """An SMC that the harness asked for; ``results`` is None if it ended in an abort."""

    pe: int
    args: tuple[int, ...]
    results: tuple[int, ...] | None

    def __str__(self) -> str:
        return f"PE {self.pe}: {_words(self.args)} -> {_words(self.results or ())}"


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that the harness let a PE run; each step may have been an SMC."""

    pe: int
    steps: int


@dataclass(slots=True)
class CallBook:
    """What the harness did since the last comparison, in the order in which it ended."""

    made: list[Made | Ran] = field(default_factory=list)

    def smc(self, pe: int, args: Iterable[int], results: Iterable[int] | None) -> None:
        """An SMC has ended."""
        words = tuple(arg & MASK64 for arg in args)
        padded = words + (0,) * (_REGISTERS - len(words))
        self.made.append(Made(pe, padded, None if results is None else tuple(results)))

    def program(self, pe: int, executed: int) -> None:
        """A program has ended, after that many steps."""
        self.made.append(Ran(pe, executed))

    def clear(self) -> None:
        """Begin a new comparison."""
        self.made.clear()


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many calls are the same, how many were the monitor's own, and what differs."""

    same: int
    own: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the two lists are equal."""
        return not self.problems

    def __str__(self) -> str:
        if self.ok:
            return f"{self.same} calls are the same, {self.own} were the monitor's own"
        return f"{len(self.problems)} differences:\n" + "\n".join(
            f"  {problem}" for problem in self.problems[:_MOST_PROBLEMS]
        )


@dataclass(slots=True)
class _Seen:
    """A call that the tap saw, and its results."""

    call: Call
    results: tuple[int, ...] | None = None

    def is_as(self, made: Made | Ran) -> bool:
        if isinstance(made, Ran):
            return False
        return self.call.x == made.args and made.results in (None, self.results)


def compare(book: CallBook, events: Iterable[Event]) -> Comparison:
    """Compare the harness's calls with what the tap saw in the same time."""
    seen, problems = _host_calls(events)
    made: dict[int, list[Made | Ran]] = defaultdict(list)
    for one in book.made:
        made[one.pe].append(one)
    same = own = 0
    for pe in sorted(made.keys() | seen.keys()):
        result = _compare_pe(made[pe], seen[pe])
        same, own = same + result.same, own + result.own
        problems += result.problems
    return Comparison(same, own, tuple(problems))


def _host_calls(events: Iterable[Event]) -> tuple[dict[int, list[_Seen]], list[str]]:
    """The calls of the normal world's EL2 by PE, with their results, and what was lost."""
    by_pe: dict[int, list[_Seen]] = defaultdict(list)
    by_seq: dict[int, _Seen] = {}
    problems: list[str] = []
    for event in events:
        if isinstance(event, Lost):
            problems.append(str(event))
        elif event.state != State.NON_SECURE or event.level != _HOST_LEVEL:
            continue
        elif isinstance(event, Call):
            by_seq[event.seq] = _Seen(event)
            by_pe[event.cpu].append(by_seq[event.seq])
        elif event.call is not None:
            by_seq.pop(event.call.seq).results = event.x
    return by_pe, problems


def _compare_pe(made: list[Made | Ran], seen: list[_Seen]) -> Comparison:
    """Match in order; what the tap saw beyond must be the monitor's own."""
    problems: list[str] = []
    waiting = deque(made)
    steps = own = same = 0
    for one in seen:
        steps += _programs(waiting)
        if waiting and one.is_as(waiting[0]):
            waiting.popleft()
            same += 1
        elif one.call.family == _MONITOR_FAMILY:
            own += 1
        elif steps:
            own, steps = own + 1, steps - 1
        elif one is seen[-1] and one.results is None:
            own += 1  # still under way when the lists were taken
        else:
            wanted = f"; the harness made {waiting[0]}" if waiting else ""
            problems.append(f"the tap saw {_describe(one)}{wanted}")
    problems += [f"the tap did not see {one}" for one in waiting if isinstance(one, Made)]
    return Comparison(same, own, tuple(problems))


def _programs(waiting: deque[Made | Ran]) -> int:
    """Take the programs off that come next; return how many calls they explain."""
    steps = 0
    while waiting and isinstance(waiting[0], Ran):
        steps += waiting[0].steps
        waiting.popleft()
    return steps


def _describe(seen: _Seen) -> str:
    results = _words(seen.results) if seen.results else "no return"
    return f"PE {seen.call.cpu}: {_words(seen.call.x)} -> {results} ({seen.call})"


def _words(words: Iterable[int]) -> str:
    return " ".join(f"{word:#x}" for word in words) or "abort"
