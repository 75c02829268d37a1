# SPDX-License-Identifier: BSD-3-Clause
"""Choices from a string of bytes: what Hypothesis draws, or a seeded generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")
_BYTE = 256


class NoMoreDice(Exception):
    """The bytes are used up."""


class Dice:
    """Each choice takes a byte (two for more than 256 options); zero bytes choose the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """A number from 0 to ``below`` - 1, at most 65536 of them."""
        if below <= _BYTE:
            return self._take() * below >> 8
        return (self._take() << 8 | self._take()) * below >> 16

    def of(self, options: Sequence[_T]) -> _T:
        """One of some options."""
        return options[self.number(len(options))]

    def chance(self, of: int) -> bool:
        """True once in so many times; False for a zero byte."""
        return self.number(of) == of - 1

    def _take(self) -> int:
        try:
            byte = self._data[self._at]
        except IndexError:
            raise NoMoreDice from None
        self._at += 1
        return byte
