# SPDX-License-Identifier: BSD-3-Clause
"""The file of a nightly: axes, cells, budgets.

::

    [night]                         # all keys have defaults
    folder = "runs/nightly"         # nights and their history lie there
    budget_min = 480
    quarantine = "quarantine.toml"  # beside this file

    [stack.embedded]                # an axis and one of its values: what it adds to the command
    [profile.quick]
    arguments = ["-m", "not slow"]
    set = ["machine.cpus=4"]
    budget_min = 20

    [[cells]]                       # the product of these; an axis may be left out
    stack = ["embedded", "trp"]
    profile = ["quick"]

    [[bench]]
    stack = "embedded"
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import HarnessError
from harness.nightly.words import joined

AXES = ("stack", "kernel", "page_size", "vmm", "profile")
_NUMBER = (int, float)
_Kinds = Mapping[str, tuple[type, ...]]
_VALUE_KEYS: _Kinds = {
    "arguments": (list,),
    "set": (list,),
    "tests": (list,),
    "budget_min": _NUMBER,
}
_NIGHT_KEYS: _Kinds = {
    "folder": (str,),
    "budget_min": _NUMBER,
    "cell_budget_min": _NUMBER,
    "rerun_budget_min": _NUMBER,
    "workers": (int, str),
    "reruns": (int,),
    "most_reruns": (int,),
    "keep_nights": (int,),
    "keep_recordings": (str,),
    "quarantine": (str,),
}
_BENCH_KEYS: _Kinds = {
    "stack": (str,),
    "set": (list,),
    "samples": (int,),
    "budget_min": _NUMBER,
}
_CELLS_KEYS: _Kinds = {
    **dict.fromkeys(AXES, (str, list)),
    "without": (list,),
    "budget_min": _NUMBER,
}


class NightlyError(HarnessError):
    """The file of a nightly is wrong, or its folder or history cannot be used."""


def unwritable(place: Path, problem: OSError) -> NightlyError:
    """The error of a folder or file of a night that could not be made, changed or deleted."""
    return NightlyError(
        f"{place} cannot be written: {problem.strerror}",
        hint="free space there, or let [night] folder name another place",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One pytest run of the matrix: its axes' values, and what they add up to."""

    name: str
    axes: Mapping[str, str]
    stack: str
    settings: tuple[str, ...]
    arguments: tuple[str, ...]
    tests: tuple[str, ...]
    budget_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """One run of ``cca bench``."""

    stack: str
    settings: tuple[str, ...]
    samples: int
    budget_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NightConfig:
    """A whole file. Budgets are seconds."""

    file: Path
    folder: Path
    budget_s: float
    rerun_budget_s: float
    workers: str
    reruns: int
    most_reruns: int
    keep_nights: int
    keep_recordings: str
    quarantine: Path
    quarantine_is_named: bool
    cells: tuple[Cell, ...]
    bench: tuple[BenchPlan, ...] = field(default=())


def load_config(file: Path) -> NightConfig:
    """Read and check a file. Raises NightlyError that names the file and the key."""
    try:
        with file.open("rb") as stream:
            data = tomllib.load(stream)
    except OSError as problem:
        raise NightlyError(
            f"{file} cannot be read: {problem.strerror}", hint="--config=FILE names another"
        ) from None
    except ValueError as problem:  # of the syntax, or of bytes that are not UTF-8
        raise NightlyError(f"{file} is not TOML: {problem}") from None
    return _Reader(file).read(data)


class _Reader:
    """Checks while it reads; every message begins with the file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self, data: dict[str, Any]) -> NightConfig:
        self._known(data, {"night", "cells", "bench", *AXES}, "")
        night = self._table(data.get("night", {}), _NIGHT_KEYS, "[night]")
        self._check(night)
        axes = {axis: self._axis(axis, data.get(axis, {})) for axis in AXES}
        default_s = 60.0 * night.get("cell_budget_min", 60)
        rows = self._list(data, "cells")
        cells = [cell for row in rows for cell in self._cells(row, axes, default_s)]
        names = [cell.name for cell in cells]
        if double := sorted({name for name in names if names.count(name) > 1}):
            self._wrong(f"[[cells]]: {double[0]} is there twice")
        if not cells:
            self._wrong("there is no [[cells]]: nothing would run")
        bench = tuple(self._bench(row) for row in self._list(data, "bench"))
        stacks = [plan.stack for plan in bench]
        if twice := sorted({stack for stack in stacks if stacks.count(stack) > 1}):
            self._wrong(f"[[bench]]: {twice[0]} is there twice")
        return NightConfig(
            file=self.file,
            folder=Path(night.get("folder", "runs/nightly")).absolute(),
            budget_s=60.0 * night.get("budget_min", 480),
            rerun_budget_s=60.0 * night.get("rerun_budget_min", 10),
            workers=str(night.get("workers", "auto")),
            reruns=night.get("reruns", 2),
            most_reruns=night.get("most_reruns", 40),
            keep_nights=night.get("keep_nights", 30),
            keep_recordings=night.get("keep_recordings", "failed"),
            quarantine=self.file.absolute().parent / night.get("quarantine", "quarantine.toml"),
            quarantine_is_named="quarantine" in night,
            cells=tuple(cells),
            bench=bench,
        )

    def _check(self, night: dict[str, Any]) -> None:
        keep, workers = night.get("keep_recordings", "failed"), night.get("workers", "auto")
        if keep not in ("failed", "all"):
            self._wrong(f'[night] keep_recordings: wants "failed" or "all", got {keep!r}')
        if workers != "auto" and not str(workers).isdecimal():
            self._wrong(f'[night] workers: wants "auto" or a number, got {workers!r}')
        if night.get("keep_nights") == 0:
            self._wrong("[night] keep_nights: wants 1 or more, got 0")

    def _axis(self, axis: str, values: Any) -> dict[str, dict[str, Any]]:
        if not isinstance(values, dict):
            self._wrong(f"[{axis}]: wants tables such as [{axis}.name]")
        known = {**_VALUE_KEYS, "file": (str,)} if axis == "stack" else _VALUE_KEYS
        found = {}
        for name, value in values.items():
            if not isinstance(value, dict):
                self._wrong(f"[{axis}]: {name} wants to be a table, [{axis}.{name}]")
            found[name] = self._table(value, known, f"[{axis}.{name}]")
        return found

    def _cells(
        self, row: dict[str, Any], axes: dict[str, dict[str, dict[str, Any]]], default_s: float
    ) -> list[Cell]:
        self._table(row, _CELLS_KEYS, "[[cells]]")
        chosen = {axis: self._names(row, axis, axes[axis]) for axis in AXES if axis in row}
        if "stack" not in chosen:
            self._wrong("[[cells]]: wants stack, such as stack = ['embedded']")
        without = [self._pattern(one, axes, chosen) for one in row.get("without", [])]
        found = []
        for names in product(*chosen.values()):
            picked = dict(zip(chosen, names, strict=True))
            if any(_matches(picked, one) for one in without):
                continue
            parts = [axes[axis][name] for axis, name in picked.items()]
            budgets = [60.0 * part["budget_min"] for part in parts if "budget_min" in part]
            own = [60.0 * row["budget_min"]] if "budget_min" in row else budgets or [default_s]
            found.append(_cell(picked, parts, min(own)))
        return found

    def _pattern(
        self, one: Any, axes: dict[str, dict[str, dict[str, Any]]], chosen: Mapping[str, object]
    ) -> dict[str, list[str]]:
        """A combination to leave out: axes of these cells, and the values meant."""
        self._table(one, dict.fromkeys(chosen, (str, list)), "[[cells]] without")
        return {axis: self._names(one, axis, axes[axis]) for axis in one}

    def _names(self, row: dict[str, Any], axis: str, known: Mapping[str, object]) -> list[str]:
        names = row[axis] if isinstance(row[axis], list) else [row[axis]]
        for name in names:
            if not isinstance(name, str) or name not in known:
                there = ", ".join(known) or "none"
                self._wrong(f"[[cells]] {axis}: there is no [{axis}.{name}], only {there}")
        return names

    def _bench(self, row: dict[str, Any]) -> BenchPlan:
        values = self._table(row, _BENCH_KEYS, "[[bench]]")
        return BenchPlan(
            stack=values.get("stack", "embedded"),
            settings=tuple(values.get("set", ())),
            samples=values.get("samples", 5),
            budget_s=60.0 * values.get("budget_min", 10),
        )

    def _list(self, data: dict[str, Any], key: str) -> list[dict[str, Any]]:
        rows = data.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._wrong(f"{key} wants to be tables, [[{key}]]")
        return list(rows)

    def _table(self, values: Any, known: _Kinds, where: str) -> dict[str, Any]:
        if not isinstance(values, dict):
            self._wrong(f"{where}: wants a table, got {values!r}")
        self._known(values, set(known), f"{where} ")
        for key, value in values.items():
            kinds = known[key]
            if not isinstance(value, kinds) or isinstance(value, bool):
                names = " or ".join(kind.__name__ for kind in kinds)
                self._wrong(f"{where} {key}: wants {names}, got {value!r}")
            if isinstance(value, int | float) and not 0 <= value < math.inf:
                self._wrong(f"{where} {key}: wants a number, 0 or more, got {value}")
        return dict(values)

    def _known(self, values: Mapping[str, object], known: set[str], where: str) -> None:
        for key in values:
            if key not in known:
                self._wrong(f"{where}{key}: not a key here, only {', '.join(sorted(known))}")

    def _wrong(self, what: str) -> NoReturn:
        raise NightlyError(f"{self.file}: {what}")


def _matches(picked: Mapping[str, str], pattern: Mapping[str, list[str]]) -> bool:
    return all(picked.get(axis) in names for axis, names in pattern.items())


def _cell(picked: Mapping[str, str], parts: list[dict[str, Any]], budget_s: float) -> Cell:
    def gathered(key: str) -> tuple[str, ...]:
        return tuple(str(word) for part in parts for word in part.get(key, ()))

    return Cell(
        name=" / ".join(picked.values()),
        axes=dict(picked),
        stack=str(parts[0].get("file", picked["stack"])),
        settings=gathered("set"),
        arguments=joined(gathered("arguments")),
        tests=gathered("tests"),
        budget_s=budget_s,
    )
