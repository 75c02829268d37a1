# SPDX-License-Identifier: BSD-3-Clause
"""Where each PE is, out of what QEMU's monitor says of its registers."""

from __future__ import annotations

import re
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
