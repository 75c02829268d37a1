# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest

from harness.machine.position import Position
from harness.machine.stuck import INTERVAL_S, SAMPLES, SILENCE_S, StuckWatch, cpu_time_s

PC = 0x40100200
LONG_S = SILENCE_S + 3 * SAMPLES * INTERVAL_S


@dataclass
class Guest:
    """A machine in a time of its own: where PE 0 is, what it says, what time it gets."""

    now_s: float = 100.0
    level: int = 2
    pcs: list[int] = field(default_factory=lambda: [PC])
    chatter_bytes: int = 0
    share: float = 1.0
    answers: bool = True
    looks: int = 0

    def watch(self) -> StuckWatch:
        return StuckWatch(
            self.positions, self.received_bytes, lambda: self.now_s * self.share, lambda: self.now_s
        )

    def positions(self) -> list[Position]:
        self.looks += 1
        pc = self.pcs[self.looks % len(self.pcs)]
        return [Position(1, 3, 0), Position(0, self.level, pc)] if self.answers else []

    def received_bytes(self) -> int:
        return int(self.now_s * self.chatter_bytes)

    def stuck_within(self, seconds: float) -> float | None:
        """When it was found stuck, in seconds from the start; None if never."""
        watch, start_s = self.watch(), self.now_s
        while self.now_s < start_s + seconds:
            if watch.stuck():
                return self.now_s - start_s
            self.now_s += 0.02
        return None


def test_endless_exception_is_found_in_a_few_seconds() -> None:
    found_s = Guest(pcs=[PC, PC + 4, PC + 0x40]).stuck_within(LONG_S)
    assert found_s is not None
    assert SILENCE_S < found_s < SILENCE_S + 2 * SAMPLES * INTERVAL_S


@pytest.mark.parametrize(
    "guest",
    [
        Guest(pcs=[PC, PC + 0x1000]),
        Guest(chatter_bytes=40),
        Guest(share=0.2),
        Guest(answers=False),
    ],
    ids=["runs", "speaks", "starved", "unknown"],
)
def test_what_is_not_stuck(guest: Guest) -> None:
    assert guest.stuck_within(LONG_S) is None


def test_silent_machine_is_looked_at_now_and_then_only() -> None:
    guest = Guest(pcs=[PC, PC + 0x1000])
    guest.stuck_within(LONG_S)
    assert 0 < guest.looks <= LONG_S / INTERVAL_S


def test_processor_time_of_a_process() -> None:
    before_s = cpu_time_s(os.getpid())
    while cpu_time_s(os.getpid()) == before_s:
        pass
    assert cpu_time_s(os.getpid()) > before_s
    assert cpu_time_s(0) == 0.0
