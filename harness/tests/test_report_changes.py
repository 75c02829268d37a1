# SPDX-License-Identifier: BSD-3-Clause
"""Where the level of a figure moved: steps, what was mended again, noise, outliers, drift."""

from __future__ import annotations

import random

import pytest

from harness.report.changes import Change, find_changes


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ([], []),
        ([1.0, 2.0], []),
        ([1.0] * 10, []),
        ([0.0] * 10, []),
        ([1, 1, 1, 9, 1, 1, 1, 1], []),
        ([1] * 10 + [9, 9] + [1] * 10, []),
        ([1] * 10 + [9, 9], []),
        ([1] * 10 + [9, 9, 9], [Change(10, 1, 9)]),
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], [Change(3, 1.0, 2.0)]),
        ([1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4], [Change(4, 1, 2), Change(8, 2, 4)]),
        ([1.0, 1.02, 0.98, 1.03, 1.01, 1.04, 1.02], []),
    ],
)
def test_change_is_a_level_that_stays(values: list[float], changes: list[Change]) -> None:
    assert find_changes(values) == changes


@pytest.mark.parametrize(
    ("before", "between", "after"), [(10, 5, 10), (20, 10, 12), (10, 20, 9), (10, 3, 10)]
)
def test_what_was_mended_again_are_two_changes(before: int, between: int, after: int) -> None:
    values = [10.0] * before + [20.0] * between + [10.0] * after
    assert find_changes(values) == [
        Change(before, 10.0, 20.0),
        Change(before + between, 20.0, 10.0),
    ]


def noisy(levels: list[tuple[float, int]], seed: int) -> list[float]:
    """Levels and their nights, with a noise of one percent."""
    dice = random.Random(seed)
    return [level * dice.gauss(1, 0.01) for level, nights in levels for _ in range(nights)]


@pytest.mark.parametrize("seed", range(5))
def test_changes_are_found_in_noise(seed: int) -> None:
    values = noisy([(10, 12), (14, 6), (10, 12), (12, 20)], seed)
    assert [change.index for change in find_changes(values)] == [12, 18, 30]


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_change(seed: int) -> None:
    assert find_changes(noisy([(10, 120)], seed)) == []


def test_outlier_in_noise_is_no_change() -> None:
    values = noisy([(10, 40)], 1)
    values[17] = 30.0
    assert find_changes(values) == []


def test_drift_is_told_in_few_steps_that_go_its_way() -> None:
    changes = find_changes([10 + 0.1 * night for night in range(40)])
    assert 1 <= len(changes) <= 5
    assert all(change.after > change.before for change in changes)
    assert find_changes([10 + 0.01 * night for night in range(40)]) == []
