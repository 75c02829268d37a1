# SPDX-License-Identifier: BSD-3-Clause
"""Deadlines count down on one clock and never go below zero."""

import pytest

from harness.deadline import Deadline


class _Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_counts_down_and_stops_at_zero() -> None:
    clock = _Clock()
    deadline = Deadline.after(5, clock)
    assert (deadline.remaining_s, deadline.expired) == (5, False)
    clock.now_s += 3
    assert (deadline.remaining_s, deadline.elapsed_s) == (2, 3)
    clock.now_s += 3
    assert (deadline.remaining_s, deadline.expired) == (0, True)


def test_zero_is_kept_and_has_expired_at_once() -> None:
    assert Deadline.after(0, _Clock()).expired


def test_of_keeps_a_deadline_and_converts_a_number() -> None:
    deadline = Deadline.after(1)
    assert Deadline.of(deadline) is deadline
    assert Deadline.of(2.5).timeout_s == 2.5


def test_sooner_never_extends() -> None:
    clock = _Clock()
    deadline = Deadline.after(5, clock)
    assert deadline.sooner(2).remaining_s == 2
    assert deadline.sooner(9).remaining_s == 5


def test_negative_is_refused_with_its_value() -> None:
    with pytest.raises(ValueError, match=r"timeout_s=-1"):
        Deadline.after(-1)
