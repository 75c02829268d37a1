# SPDX-License-Identifier: BSD-3-Clause
"""What a failure is, once its test has been run again alone on fresh machines.

==================  =======================================================================
``deterministic``   fails every time, or ends its process every time
``flake``           fails and passes, the same binaries and the same seed
``host overload``   a deadline was missed while the host was busy; passes when it is not
``lab fault``       the harness lost a worker, a place, a disk: not about what is tested
``not rerun``       there were too many failures, no time left, or the reruns said nothing
==================  =======================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.capacity import overloaded
from harness.results import CRASHED, Phase

Kind = Literal["deterministic", "flake", "host overload", "lab fault", "not rerun"]
_TELLING = ("passed", "xpassed", "failed")
"""Outcomes of a rerun that say something of the failure; a skip does not."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The kind of a failure and why it is that."""

    kind: Kind
    why: str


def rule(failure: Phase, reruns: Sequence[Phase]) -> Ruling:
    """Judge a failure by what the host did meanwhile and by what its reruns did."""
    shown = ", ".join(again.outcome for again in reruns) or "no"
    told = [again for again in reruns if again.outcome in _TELLING]
    failed = [again for again in told if again.outcome == "failed"]
    if told and all(one.phase == CRASHED for one in (failure, *told)):
        return Ruling("deterministic", f"ended its process {len(told)} of {len(told)} times, alone")
    if failure.verdict == "lab" and all(again.verdict == "lab" for again in failed):
        return Ruling("lab fault", f"the harness lost what it stands on; run again: {shown}")
    if not reruns:
        return Ruling("not rerun", "too many failures, or no time left")
    if not told:
        return Ruling("not rerun", f"run again: {shown}")
    if len(failed) == len(told):
        return Ruling("deterministic", f"failed again {len(failed)} of {len(told)} times, alone")
    busy = overloaded(failure.load)
    if busy and failure.deadline and not failed:
        return Ruling("host overload", f"{busy} when it failed; run again: {shown}")
    return Ruling("flake", f"run again alone with the same seed: {shown}")
