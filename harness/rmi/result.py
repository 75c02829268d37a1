# SPDX-License-Identifier: BSD-3-Clause
"""What a command returned, and what a test may want of it.

A test compares a :class:`Result` with :class:`Succeeds` or :class:`Fails`, so that an
assertion reads in the specification's words::

    assert rmi.granule_delegate(pa) == Succeeds()
    assert rmi.granule_delegate(pa + 1) == Fails("gran_align")
    assert rmi.rtt_destroy(rd, ipa, 3) == Fails("rtt_walk", index=1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.abi import Command, tables
from harness.coverage import claim, record
from harness.errors import HarnessError
from harness.types import MASK64

_STATUS = tables().bitfield("RmiCommandReturnCode").bits("status")
_INDEX = tables().bitfield("RmiCommandReturnCode").bits("index")


class CommandFailed(HarnessError):
    """A command that had to succeed for the test to go on did not."""

    verdict = "assertion"


@dataclass(frozen=True, eq=False)
class Result:
    """A command, its arguments (x1..) and what came back (x0..).

    For RMI ``x0`` holds status and index; for RSI the whole word is the status.
    """

    command: Command
    args: tuple[int, ...]
    x: tuple[int, ...]

    @property
    def family(self) -> str:
        """``RMI``, ``RSI`` or ``PSCI``."""
        return self.command.name.split("_", 1)[0]

    @property
    def unknown_function(self) -> bool:
        """The callee does not know this function id (x0 = -1)."""
        return self.x[0] in (MASK64, 0xFFFF_FFFF)

    @property
    def code(self) -> int:
        """The status code alone; -1 for an unknown function."""
        if self.unknown_function:
            return -1
        return _STATUS.get(self.x[0]) if self.family == "RMI" else self.x[0]

    @property
    def index(self) -> int:
        """RMI only: x0[15:8], e.g. the level of an RTT error; else 0."""
        return 0 if self.unknown_function or self.family != "RMI" else _INDEX.get(self.x[0])

    @property
    def status(self) -> str:
        """The status by its name in the tables, ``"NOT_SUPPORTED"`` for x0 = -1."""
        if self.unknown_function:
            return "NOT_SUPPORTED"
        return tables().status_name(self.code, self.family)

    @property
    def ok(self) -> bool:
        """The command succeeded."""
        return self.x[0] == 0

    def __getattr__(self, name: str) -> int:
        """Return an output by its name in the table, e.g. ``result.top``."""
        # A copy is asked for special methods before it has a command.
        outputs = self.command.outputs if "command" in vars(self) else ()
        for register in outputs:
            if register.name == name:
                return self.x[register.first]
        names = ", ".join(register.name for register in outputs)
        raise AttributeError(f"no output named {name}; there are: {names or 'none'}")

    def require(self) -> Result:
        """Return this result; CommandFailed unless the command succeeded."""
        if not self.ok:
            raise CommandFailed(f"wanted success, seen {self}")
        return self

    def __str__(self) -> str:
        names = [r.name for r in self.command.inputs]
        shown = ", ".join(
            f"{name}={value:#x}" for name, value in zip(names, self.args, strict=False)
        )
        return f"{self.command.name}({shown}) → {self._answer()}"

    def _answer(self) -> str:
        if self.ok:
            rest = [r for r in self.command.outputs if r.first > 0 and r.first < len(self.x)]
            values = ", ".join(f"{r.name}={self.x[r.first]:#x}" for r in rest)
            return f"{self.status}({values})" if values else self.status
        return f"{self.status}({self.index})" if self.index else self.status

    def __repr__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Succeeds | Fails):
            matched = other.matches(self)
            if matched:
                record(self.command.name, other.condition)
                if other.condition is not None:
                    claim((self.command.fid, *self.args), self.x[0], other.condition)
            return matched
        if isinstance(other, Result):
            return (self.command, self.args, self.x) == (other.command, other.args, other.x)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


class Succeeds:
    """Wanted: success, with these outputs where given."""

    condition: str | None = None

    def __init__(self, **outputs: int) -> None:
        self.outputs = outputs

    def matches(self, result: Result) -> bool:
        """Tell whether ``result`` is what is wanted."""
        return result.ok and all(getattr(result, k) == v for k, v in self.outputs.items())

    def explain(self, result: Result) -> list[str]:
        """Say, line by line, what was wanted and seen."""
        shown = f" with {_shown(self.outputs)}" if self.outputs else ""
        lines = [f"wanted: success{shown}", f"seen:   {result}"]
        lines += [f"known:  {text}" for text in _candidates(result)]
        return lines

    def __repr__(self) -> str:
        return f"Succeeds({_shown(self.outputs)})"


@dataclass(frozen=True)
class Fails:
    """Wanted: the failure that the tables give for this condition id.

    ``index`` is needed where the table gives a level by name (``walk_level``, ``level``).
    ``outputs`` are compared too, e.g. ``top`` of a walk error.
    """

    condition: str
    index: int | None = None
    outputs: dict[str, int] = field(default_factory=dict)

    def matches(self, result: Result) -> bool:
        """Tell whether ``result`` is what is wanted."""
        status, index = self.expected(result.command)
        same = result.status == status and result.index == index
        return same and all(getattr(result, k) == v for k, v in self.outputs.items())

    def expected(self, command: Command) -> tuple[str, int]:
        """Status name and index that the tables give, ``index`` filled in."""
        condition = command.condition(self.condition)
        if self.index is not None:
            return condition.status, self.index
        if isinstance(condition.index, int):
            return condition.status, condition.index
        raise HarnessError(
            f"{command.name}: condition {self.condition} reports {condition.index} as index",
            hint=f'say Fails("{self.condition}", index=LEVEL)',
        )

    def explain(self, result: Result) -> list[str]:
        """Say, line by line, what was wanted and seen."""
        status, index = self.expected(result.command)
        when = result.command.condition(self.condition).when
        lines = [f"wanted: {status}({index}) because {when} [{self.condition}]"]
        if self.outputs:
            lines.append(f"        with {_shown(self.outputs)}")
        return [*lines, f"seen:   {result}"]


def _shown(outputs: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={value:#x}" for name, value in outputs.items())


def _candidates(result: Result) -> Sequence[str]:
    """Conditions of the table that give the status seen, as a hint for the reader."""
    same = [c for c in result.command.failures if c.status == result.status]
    return [f"{c.status}: {c.when} [{c.id}]" for c in same][:12]


def explain(left: Any, right: Any) -> list[str] | None:
    """Explain a failed comparison of a result, either way round; None for other types."""
    if isinstance(left, Succeeds | Fails):
        left, right = right, left
    if isinstance(left, Result) and isinstance(right, Succeeds | Fails):
        return [f"{left.command.name}: {right!r}", *right.explain(left)]
    return None
