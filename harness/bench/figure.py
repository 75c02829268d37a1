# SPDX-License-Identifier: BSD-3-Clause
"""One measured quantity: all its samples, their median and spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity measured several times in the same run."""

    name: str
    unit: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)

    def line(self) -> str:
        """One line of the printed table: median, then lowest to highest."""
        low, high = min(self.samples), max(self.samples)
        spread = f"{_short(low)} … {_short(high)}, {len(self.samples)} runs"
        return f"{self.name:<44} {_short(self.median):>9} {self.unit:<8} ({spread})"

    def as_json(self) -> dict[str, object]:
        """The figure as it goes to the JSON file."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "samples": list(self.samples),
        }


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two figures of the same run divided."""

    name: str
    value: float

    def line(self) -> str:
        """One line of the printed table."""
        return f"{self.name:<44} {self.value:>9.2f}"

    def as_json(self) -> dict[str, object]:
        """The ratio as it goes to the JSON file."""
        return {"name": self.name, "ratio": self.value}


def repeat(count: int, measure: Callable[[], float]) -> tuple[float, ...]:
    """Take ``count`` samples."""
    return tuple(measure() for _ in range(count))


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def as_json(results: Sequence[Figure | Ratio]) -> list[dict[str, object]]:
    """All results as JSON values."""
    return [result.as_json() for result in results]
