# SPDX-License-Identifier: BSD-3-Clause
"""Tells a firmware that hangs from one that is slow, long before a time-out would.

A machine is stuck when its consoles have been silent for a while, QEMU was given the time
to execute much, and its running PE was seen within a few instructions all along, as in an
exception that comes again for ever. A starved QEMU is not stuck: it gets no time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.machine.position import Position

SILENCE_S = 0.8
INTERVAL_S = 0.1
SAMPLES = 10
SPREAD_BYTES = 0x80
CPU_SHARE = 0.5
"""How much of the sampled time a core must have worked for QEMU: a starved one proves nothing."""

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_STAT_TIMES = slice(11, 13)


def cpu_time_s(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 for one that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in stat.rpartition(")")[2].split()[_STAT_TIMES]) * _TICK_S


class StuckWatch:
    """Looks at PE 0 from time to time while nothing is heard of the machine."""

    def __init__(
        self,
        positions: Callable[[], Sequence[Position]],
        received_bytes: Callable[[], int],
        used_s: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._positions = positions
        self._received_bytes = received_bytes
        self._used_s = used_s
        self._clock = clock
        self._heard_bytes = -1
        self._next_s = 0.0
        self._begun: tuple[float, float] = (0.0, 0.0)
        self._seen: list[Position] = []

    def stuck(self) -> bool:
        """Whether PE 0 turns in circles. Cheap: looks only every ``INTERVAL_S``."""
        now_s = self._clock()
        if (heard_bytes := self._received_bytes()) != self._heard_bytes:
            self._heard_bytes = heard_bytes
            self._start_over(now_s)
        if now_s < self._next_s:
            return False
        self._next_s = now_s + INTERVAL_S
        self._look(now_s)
        return len(self._seen) >= SAMPLES and self._worked(now_s)

    def _start_over(self, now_s: float) -> None:
        self._next_s = now_s + SILENCE_S
        self._seen.clear()

    def _look(self, now_s: float) -> None:
        here = next((at for at in self._positions() if at.pe == 0), None)
        if here is None:
            self._seen.clear()
            return
        near = [at for at in self._seen if at.level == here.level]
        near = [at for at in near if abs(at.pc - here.pc) < SPREAD_BYTES]
        if not self._seen or len(near) < len(self._seen):
            self._begun = (now_s, self._used_s())
            self._seen = [here]
        else:
            self._seen.append(here)

    def _worked(self, now_s: float) -> bool:
        since_s, used_s = self._begun
        return self._used_s() - used_s >= CPU_SHARE * (now_s - since_s)
