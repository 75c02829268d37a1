# SPDX-License-Identifier: BSD-3-Clause
"""Addresses know their space and print in hexadecimal; arithmetic makes plain numbers."""

from __future__ import annotations

import pytest

from harness.types import Ipa, Pa, align_down, align_up, is_granule_aligned


def test_text() -> None:
    assert (str(Pa(0x8000_0000)), repr(Pa(0x10)), repr(Ipa(0x10))) == (
        "0x80000000",
        "Pa(0x10)",
        "Ipa(0x10)",
    )


def test_arithmetic_leaves_the_space() -> None:
    assert type(Pa(0x1000) + 0x1000) is int
    assert Pa(0x1000) == 0x1000


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [(0, 0, 0), (1, 0, 0x1000), (0xFFF, 0, 0x1000), (0x1000, 0x1000, 0x1000)],
)
def test_alignment(value: int, down: int, up: int) -> None:
    assert (align_down(value, 0x1000), align_up(value, 0x1000)) == (down, up)
    assert is_granule_aligned(value) is (value == down)
