# SPDX-License-Identifier: BSD-3-Clause
"""One moment on the monotonic clock by which something must have happened.

A caller makes a deadline once and passes it down; nobody below starts a new clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Deadline:
    """``timeout_s`` seconds after ``start_s``, both on ``clock`` (monotonic by default)."""

    timeout_s: float
    start_s: float
    clock: Clock = field(default=time.monotonic, repr=False, compare=False)

    @classmethod
    def after(cls, timeout_s: float, clock: Clock = time.monotonic) -> Deadline:
        """Make a deadline ``timeout_s`` seconds from now; zero means "what is already there"."""
        if timeout_s < 0:
            raise ValueError(f"a deadline cannot lie in the past: timeout_s={timeout_s}")
        return cls(timeout_s, clock(), clock)

    @classmethod
    def of(cls, when: Deadline | float) -> Deadline:
        """Return a deadline as it is, or make one from a number of seconds."""
        return when if isinstance(when, Deadline) else cls.after(when)

    @property
    def end_s(self) -> float:
        """The moment itself, in seconds of ``clock``."""
        return self.start_s + self.timeout_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the deadline was set."""
        return self.clock() - self.start_s

    @property
    def remaining_s(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.end_s - self.clock())

    @property
    def expired(self) -> bool:
        """Whether the moment has passed."""
        return self.clock() >= self.end_s

    def sooner(self, timeout_s: float) -> Deadline:
        """Return a deadline at most ``timeout_s`` seconds from now and no later than this one."""
        return Deadline.after(min(timeout_s, self.remaining_s), self.clock)
