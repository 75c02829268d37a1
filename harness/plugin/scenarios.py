# SPDX-License-Identifier: BSD-3-Clause
"""Scenarios: what testcases/scenarios.toml lists and which tests cover it.

A test names a scenario in its docstring ("GDEL-04", "RDA-01..08") or by the mark
``scenario``; rows of the matrix get theirs from the catalogue. Every test then carries the
mark, and ``-k GDEL-04`` selects it.
"""

from __future__ import annotations

import functools
import inspect
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

CATALOGUE = Path(__file__).resolve().parents[2] / "testcases" / "scenarios.toml"
_NAMED = re.compile(r"\b([A-Z]{2,5})-(\d\d)(?:\.\.(?:[A-Z]+-)?(\d\d))?\b")
_MARK = "scenario"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the catalogue; ``without`` is the key of the reason why no test covers it."""

    id: str
    text: str
    rows: tuple[str, ...] = ()
    without: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All scenarios, and the reasons for which some are not covered."""

    scenarios: Mapping[str, Scenario]
    reasons: Mapping[str, str]


class Row(Protocol):
    """What a parametrised test needs of a row."""

    @property
    def id(self) -> str: ...


_RowT = TypeVar("_RowT", bound=Row)


def load_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """Read the catalogue's file."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    scenarios = {
        name: Scenario(name, entry["text"], tuple(entry.get("rows", ())), entry.get("without", ""))
        for name, entry in found["scenarios"].items()
    }
    return Catalogue(scenarios, found["reasons"])


@functools.cache
def catalogue() -> Catalogue:
    """The catalogue in the tree, read once."""
    return load_catalogue()


def named_in(text: str) -> Iterator[str]:
    """Ids in a text; "RDA-01..08" is eight of them."""
    for prefix, first, last in _NAMED.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{prefix}-{number:02d}"


def as_params(rows: Iterable[_RowT]) -> list[object]:
    """Parameters of a test for rows: id "row@scenarios", marked with the scenarios."""
    by_row: dict[str, list[str]] = {}
    for scenario in catalogue().scenarios.values():
        for row in scenario.rows:
            by_row.setdefault(row, []).append(scenario.id)
    return [_param(row, by_row.get(row.id, [])) for row in rows]


def _param(row: _RowT, ids: list[str]) -> object:
    shown = f"{row.id}@{'+'.join(ids)}" if ids else row.id
    return pytest.param(row, id=shown, marks=[pytest.mark.scenario(*ids)] if ids else [])


def scenarios_of(item: pytest.Item) -> list[str]:
    """Ids that a collected test names, in its docstring or by marks."""
    text = inspect.getdoc(getattr(item, "function", None)) or ""
    marked = [name for mark in item.iter_markers(_MARK) for name in mark.args]
    return list(dict.fromkeys([*named_in(text), *marked]))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Make what a test names selectable by ``-k`` and visible as a mark."""
    if ids := scenarios_of(item):
        item.extra_keyword_matches.update(ids)
        item.add_marker(pytest.mark.scenario(*ids))
