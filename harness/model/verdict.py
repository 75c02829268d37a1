# SPDX-License-Identifier: BSD-3-Clause
"""What a call may answer: one strict answer, and others that the specification allows."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from harness.abi import Command, tables
from harness.abi.entries import Register
from harness.types import MASK64

Registers = tuple[int | None, ...]
"""x0.. as predicted; None where nothing is specified."""

_STATUS = tables().bitfield("RmiCommandReturnCode").bits("status")
_INDEX = tables().bitfield("RmiCommandReturnCode").bits("index")

NOT_SUPPORTED = MASK64
"""x0 of a function that the RMM does not know: -1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """x0.. and the condition that they stand for; no condition is success."""

    x: Registers
    condition: str | None = None

    @property
    def ok(self) -> bool:
        """The call succeeded."""
        return self.condition is None

    def accepts(self, x: Sequence[int]) -> bool:
        """Every register that is both specified and seen is as predicted."""
        return all(want in (None, seen) for want, seen in zip(self.x, x, strict=False))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The strict answer (order of the tables) and every acceptable one, the strict first.

    ``name`` is the command's name; ``shown`` is printed as the call in reports.
    """

    name: str
    shown: object
    acceptable: tuple[Answer, ...]

    @property
    def strict(self) -> Answer:
        """What the order of the tables makes of the call."""
        return self.acceptable[0]

    @property
    def ok(self) -> bool:
        """The strict answer is success."""
        return self.strict.ok

    @property
    def condition(self) -> str | None:
        """The condition behind the strict answer; None for success."""
        return self.strict.condition

    def accepts(self, x: Sequence[int]) -> bool:
        """Tell whether x0.. as seen (as many as were returned) are allowed."""
        return any(answer.accepts(x) for answer in self.acceptable)

    def output(self, name: str) -> int | None:
        """An output of the strict answer by its name in the tables."""
        for register in _outputs(self.name):
            if register.name == name and register.first < len(self.strict.x):
                return self.strict.x[register.first]
        return None

    def explain(self, x: Sequence[int] | None = None) -> str:
        """Say what the call had to answer, why, and what was seen."""
        lines = [f"call:   {self.shown}"]
        for number, answer in enumerate(self.acceptable):
            word = "or:    " if number else "wanted:"
            lines.append(f"{word} {self._describe(answer)}")
        if x is not None:
            right = "as wanted" if self.accepts(x) else "not acceptable"
            lines.append(f"seen:   {self._registers(tuple(x))}: {right}")
        return "\n".join(lines)

    def _describe(self, answer: Answer) -> str:
        because = ""
        if answer.condition is not None:
            because = f" because {self._when(answer.condition)} [{answer.condition}]"
        return self._registers(answer.x) + because

    def _when(self, condition: str) -> str:
        if self.name not in tables().commands:
            return "there is no such function"
        return tables().command(self.name).condition(condition).when

    def _registers(self, x: Registers) -> str:
        named = {r.first: r.name for r in _outputs(self.name)}
        rest = [f"{named.get(n, f'x{n}')}={_hex(v)}" for n, v in enumerate(x) if n and n in named]
        return (
            f"{_status(self.name, x[0])}({', '.join(rest)})" if rest else _status(self.name, x[0])
        )


def _outputs(name: str) -> tuple[Register, ...]:
    command = tables().commands.get(name)
    return command.outputs if command else ()


def _hex(value: int | None) -> str:
    return "any" if value is None else f"{value:#x}"


def _status(name: str, x0: int | None) -> str:
    if x0 == NOT_SUPPORTED:
        return "NOT_SUPPORTED"
    if x0 is not None and name.startswith("RSI_"):
        return tables().status_name(x0, "RSI")
    if x0 is None or not name.startswith("RMI_"):
        return _hex(x0)
    text = tables().status_name(_STATUS.get(x0), "RMI")
    return f"{text}[{_INDEX.get(x0)}]" if _INDEX.get(x0) else text


def status_word(status: str, index: int = 0) -> int:
    """x0 for a status of the tables and an index."""
    return _STATUS.put(tables().statuses[status]) | _INDEX.put(index)


@functools.cache
def order(command: Command) -> frozenset[tuple[str, str]]:
    """All pairs (A, B) such that A must be reported rather than B: the transitive closure."""
    pairs = set(command.order_pairs)
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return frozenset(pairs)
        pairs |= more


def reportable(command: Command, failing: Sequence[str]) -> tuple[str, ...]:
    """Of the failing conditions (in the tables' order) those that may be reported."""
    before = order(command)
    return tuple(c for c in failing if not any((other, c) in before for other in failing))
