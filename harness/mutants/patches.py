# SPDX-License-Identifier: BSD-3-Clause
"""The faults that can be planted, and which test cases are the likeliest to notice each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError

_TARGET = re.compile(r"^\+\+\+ b/(\S+)", re.MULTILINE)

NEAR: dict[str, tuple[str, ...]] = {
    "abort": ("mmio", "memory"),
    "data": ("data",),
    "delegate": ("granules",),
    "exit": ("context", "mmio"),
    "gic": ("gic",),
    "granule": ("granules", "rd", "data"),
    "lock": ("races",),
    "measurement": ("measurement", "rsi"),
    "psci": ("psci",),
    "realm": ("rd", "rec"),
    "rec": ("rec", "rd"),
    "rsi": ("rsi", "measurement", "ripas"),
    "rsi_mem": ("rsi", "ripas"),
    "rtt": ("rtt", "data"),
    "rtt_map": ("data", "rtt"),
    "rtt_ripas": ("ripas",),
    "rtt_table": ("rtt",),
    "run": ("rec", "mmio", "gic", "psci"),
    "start": ("memory", "boot"),
    "timer": ("timer",),
    "vmid": ("rd",),
}
"""Source file of the RMM (without its ending) to the folders of test cases about it."""

LONG = ("matrix", "races", "random")
"""Folders about everything: they come last."""

SAY_NOTHING = ("boot/test_boot_refused.py",)
"""Test cases that boot other RMMs, or spoil what the RMM is given: no test of this one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One patch: its name, what it concerns (first line), the source files it changes."""

    name: str
    concern: str
    patch: Path
    files: tuple[str, ...]


def load_faults(folder: Path, names: Sequence[str] = ()) -> list[Fault]:
    """The named faults, or all. HarnessError for a name that is unknown."""
    known = {path.stem: path for path in sorted(folder.glob("*.patch"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise HarnessError(f"no fault named {unknown[0]}", hint=f"there are: {', '.join(known)}")
    return [_load(known[name]) for name in names or known]


def _load(patch: Path) -> Fault:
    text = patch.read_text(encoding="utf-8")
    concern = text.splitlines()[0].removeprefix("# ") if text.startswith("# ") else ""
    files = tuple(_TARGET.findall(text))
    if not concern or not files:
        raise HarnessError(
            f"{patch.name} does not say what it concerns, or what it changes",
            hint="the first line is '# area: what is wrong', then a unified diff",
        )
    return Fault(patch.stem, concern, patch, files)


def portions_of(fault: Fault, folders: Iterable[str], known: str = "") -> list[list[str]]:
    """Portions of tests, the likeliest first: the test that once caught it, near, the rest.

    Near are the folder that the concern begins with, and those about the patched source.
    ``folders`` are those of ``testcases`` that have tests; what is returned are arguments for
    pytest, relative to the checkout.
    """
    there = sorted(folders)
    area = fault.concern.split(":")[0].lower()
    stems = [Path(file).stem for file in fault.files]
    wanted = [area, *(folder for stem in stems for folder in NEAR.get(stem, ()))]
    near = [folder for folder in wanted if folder in there]
    rest = [folder for folder in there if folder not in (*near, *LONG)]
    long = [folder for folder in there if folder not in (*near, *rest)]
    portions = [[known] if known else [], _paths(near), _paths(rest), _paths(long)]
    return [portion for portion in portions if portion]


def _paths(folders: Iterable[str]) -> list[str]:
    return [f"testcases/{folder}" for folder in dict.fromkeys(folders)]
