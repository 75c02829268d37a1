# SPDX-License-Identifier: BSD-3-Clause
"""Calls of the RMM as the model takes them: raw registers and the pages they point to."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.abi import Command, tables
from harness.types import MASK64

_SVE_HINT = 1 << 16


class Memory(Protocol):
    """Contents of Non-secure memory by granule; a dict is one."""

    def get(self, key: int, /) -> bytes | None:
        """Return the granule's bytes; None when the RMM cannot read it."""
        ...


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Memory of which nothing can be read."""

    def get(self, _key: int, /) -> bytes | None:
        """Return None."""
        return None


NO_MEMORY: Memory = Unreadable()


@dataclass(frozen=True, slots=True)
class Call:
    """One RMI call: function id, x1.., and the parameter pages as they were then."""

    fid: int
    args: tuple[int, ...]
    memory: Memory = field(default=NO_MEMORY, repr=False)
    pe: int = 0

    @property
    def command(self) -> Command | None:
        """The table's entry; None for a function that RMI does not have."""
        found = tables().by_fid.get(self.fid & ~_SVE_HINT)
        return found if found is not None and found.name.startswith("RMI_") else None

    @property
    def name(self) -> str:
        """The command's name, or the function id where there is none."""
        return self.command.name if self.command else f"{self.fid:#x}"

    def __str__(self) -> str:
        return f"{self.name}({shown(self.command, self.args)})"


def call(name: str, *args: int, memory: Memory = NO_MEMORY, pe: int = 0) -> Call:
    """Build a call by the command's name; AbiError for an unknown one."""
    registers = tuple(arg & MASK64 for arg in args)
    return Call(tables().command(name).fid, registers, memory, pe)


def shown(command: Command | None, args: tuple[int, ...]) -> str:
    """Arguments with their names, for reports."""
    names = [r.name for r in command.inputs] if command else [f"x{n + 1}" for n in range(len(args))]
    return ", ".join(f"{name}={arg:#x}" for name, arg in zip(names, args, strict=False))


@functools.cache
def argument_numbers(name: str) -> Mapping[str, int]:
    """Position in ``args`` of each input of a command."""
    return {r.name: r.first - 1 for r in tables().command(name).inputs}
