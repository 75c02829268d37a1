# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's log by severity, as ``dmesg -r`` prints it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

_LINE = re.compile(r"<(\d+)>\[ *(\d+\.\d+)\] ?(.*)")
_LEVEL_MASK = 7


class Level(IntEnum):
    """Severities, the worst first (include/linux/kern_levels.h)."""

    EMERG = 0
    ALERT = 1
    CRIT = 2
    ERR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log; ``time_s`` since the kernel began."""

    level: Level
    time_s: float
    text: str

    def __str__(self) -> str:
        return f"[{self.time_s:12.6f}] {self.level.name.lower()}: {self.text}"


def parse_log(text: str, minimum: Level = Level.DEBUG) -> list[LogLine]:
    """Return the lines that are at least as severe as ``minimum``.

    A line without a head of its own continues the one before it.
    """
    found: list[LogLine] = []
    for raw in text.splitlines():
        match = _LINE.match(raw)
        if match is not None:
            level = Level(int(match[1]) & _LEVEL_MASK)
            found.append(LogLine(level, float(match[2]), match[3]))
        elif found:
            last = found.pop()
            found.append(LogLine(last.level, last.time_s, f"{last.text}\n{raw}"))
    return [line for line in found if line.level <= minimum]
