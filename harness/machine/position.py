# SPDX-License-Identifier: BSD-3-Clause
"""Where each PE is, out of what QEMU's monitor says of its registers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_REGISTERS = re.compile(r"CPU#(\d+)\s+PC=([0-9a-f]+).*?PSTATE=\S+.*?\bEL(\d)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Position:
    """A PE's exception level and program counter. One that was never switched on is at 0."""

    pe: int
    level: int
    pc: int


def parse_positions(text: str) -> list[Position]:
    """Read the answer of ``info registers -a``; PEs that it does not show are left out."""
    return [
        Position(int(pe), int(level), int(pc, 16)) for pe, pc, level in _REGISTERS.findall(text)
    ]


def describe_positions(
    positions: Iterable[Position], name: Callable[[int], str], name_in_realm: Callable[[int], str]
) -> list[str]:
    """Say where each PE is, with names: of firmware and host by ``name``, of EL1 by the other."""
    by_level = {0: hex, 1: name_in_realm}
    return [
        f"PE {at.pe}: EL{at.level} at {by_level.get(at.level, name)(at.pc)}" for at in positions
    ]
