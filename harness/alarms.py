# SPDX-License-Identifier: BSD-3-Clause
"""Lines that no healthy run shows, watched for on every console.

Each console feeds its bytes in as they arrive. A line that matches a rule becomes an
``Alarm``; the first one is remembered for good. A test that provokes one on purpose
says so: ``with alarms.expected("rmm-panic") as seen: ...``.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from harness.alarm_rules import DEFAULT_RULES, AlarmRule
from harness.errors import AlarmRaised
from harness.transcript import readable

_LONGEST_LINE_BYTES = 8192
_LINES_AFTER = 12
_GRACE_S = 0.25


@dataclass(frozen=True, slots=True)
class Alarm:
    """One line that matched a rule. ``time_s`` is monotonic; ``meaning`` explains the line."""

    name: str
    console: str
    line: str
    time_s: float
    meaning: str

    def __str__(self) -> str:
        return f"{self.name} on console {self.console!r}: {self.line} ({self.meaning})"


class AlarmLog:
    """All alarms of one machine, over all its consoles. Safe to feed from several threads."""

    def __init__(self, rules: Sequence[AlarmRule] = DEFAULT_RULES) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._any = re.compile(b"|".join(b"(?:%s)" % rule.pattern for rule in rules))
        self._compiled = [(rule, re.compile(rule.pattern)) for rule in rules]
        self._lock = threading.RLock()
        self._partial: dict[str, bytes] = {}
        self._count: Counter[str] = Counter()
        self._exempt: list[tuple[frozenset[str], list[Alarm]]] = []
        self._alarms: list[Alarm] = []
        self._after: list[str] = []
        self.on_alarm: list[Callable[[Alarm], None]] = []

    @property
    def first(self) -> Alarm | None:
        """The first alarm that was not expected, or None."""
        return self._alarms[0] if self._alarms else None

    @property
    def all(self) -> tuple[Alarm, ...]:
        """Every alarm that was not expected, in order of arrival."""
        return tuple(self._alarms)

    def count(self, name: str) -> None:
        """Count one occurrence of a rule as seen: the machine begins after it."""
        with self._lock:
            self._count[name] += 1

    def feed(self, console: str, data: bytes) -> None:
        """Scan the next bytes of a console; complete lines only, the rest is kept."""
        with self._lock:
            *lines, rest = (self._partial.get(console, b"") + data).split(b"\n")
            if len(rest) > _LONGEST_LINE_BYTES:
                lines.append(rest)
                rest = b""
            self._partial[console] = rest
            for line in lines:
                self._scan(console, line)

    def finish(self, console: str) -> None:
        """Scan what a console left behind without an end of line."""
        with self._lock:
            rest = self._partial.pop(console, b"")
            if rest:
                self._scan(console, rest)

    def _scan(self, console: str, line: bytes) -> None:
        follows = self._alarms and console == self._alarms[0].console
        if follows and len(self._after) < _LINES_AFTER and line.strip():
            self._after.append(_text(line))
        if not self._any.search(line):
            return
        for rule, pattern in self._compiled:
            match = pattern.search(line)
            if match:
                self._record(rule, match, console, line)
                return

    def _record(self, rule: AlarmRule, match: re.Match[bytes], console: str, line: bytes) -> None:
        self._count[rule.name] += 1
        if self._count[rule.name] <= rule.allowed:
            return
        alarm = Alarm(rule.name, console, _text(line), time.monotonic(), rule.explain(match))
        for names, seen in reversed(self._exempt):
            if rule.name in names:
                seen.append(alarm)
                return
        self._alarms.append(alarm)
        for callback in self.on_alarm:
            callback(alarm)

    @contextmanager
    def expected(self, *names: str) -> Iterator[list[Alarm]]:
        """Exempt the named alarms inside the block; yields the list of those that came.

        Raises ``ValueError`` for a name that no rule has. The block must wait for the line
        itself: what arrives after its end counts as an alarm again.
        """
        unknown = [name for name in names if name not in self._rules]
        if unknown or not names:
            raise ValueError(f"no alarm is called {unknown}; there are {sorted(self._rules)}")
        seen: list[Alarm] = []
        entry = (frozenset(names), seen)
        with self._lock:
            self._exempt.append(entry)
        try:
            yield seen
        finally:
            with self._lock:
                self._exempt = [kept for kept in self._exempt if kept is not entry]

    def check(self) -> None:
        """Raise ``AlarmRaised`` if any alarm was seen, after its following lines came in."""
        first = self.first
        if first is None:
            return
        time.sleep(max(0.0, first.time_s + _GRACE_S - time.monotonic()))
        raise AlarmRaised(self.describe(), hint=self._rules[first.name].hint)

    def describe(self) -> str:
        """Return the first alarm, the lines that followed it, and how many more there were."""
        with self._lock:
            if not self._alarms:
                return "no alarm"
            text = [f"alarm: {self._alarms[0]}", *(f"  | {line}" for line in self._after)]
            if len(self._alarms) > 1:
                names = Counter(alarm.name for alarm in self._alarms[1:])
                more = ", ".join(f"{name} x{count}" for name, count in names.items())
                text.append(f"further alarms: {more}")
            return "\n".join(text)


def _text(line: bytes) -> str:
    return readable(line).strip()
