# SPDX-License-Identifier: BSD-3-Clause
"""Two PEs delegate and undelegate at the same time, from programs in the guest."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.link import Program, ProgramResult, Step
from harness.realm import NormalWorld
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("granules")]

DELEGATE = tables().command("RMI_GRANULE_DELEGATE").fid
UNDELEGATE = tables().command("RMI_GRANULE_UNDELEGATE").fid
COUNT = 512


def walk(fid: int, base: Pa) -> Step:
    """The command on one granule after the other."""
    return Step(fid, (base,), strides=(GRANULE_BYTES,))


def race(ns: NormalWorld, second_pe: int, *steps: list[Step]) -> list[ProgramResult]:
    """Run a list of steps on each of two PEs, COUNT times, started by a barrier."""
    barrier = ns.page()
    programs = [
        Program(own, ns.page(), repeat=COUNT, barrier=barrier, barrier_count=2) for own in steps
    ]
    # PE 0 comes last: it serves the serial line, and nothing gets through while it is busy.
    started = [
        ns.link.start_program(program, pe=pe)
        for pe, program in zip((second_pe, 0), programs, strict=True)
    ]
    return [pending.wait() for pending in started]


def test_a_granule_is_delegated_by_one_pe(ns: NormalWorld, second_pe: int) -> None:
    """RMI_GRANULE_DELEGATE of the same granules: each succeeds exactly once (GRAN-02)."""
    base = ns.page(count=COUNT)
    step = walk(DELEGATE, base)
    results = race(ns, second_pe, [step], [step])
    assert sum(result.executed - result.failed for result in results) == COUNT
    assert all(ns.link.probe(base, COUNT))
    ns.undelegate(base, COUNT)


def test_a_granule_is_undelegated_by_one_pe(ns: NormalWorld, second_pe: int) -> None:
    """RMI_GRANULE_UNDELEGATE of the same granules: each succeeds exactly once (GRAN-02)."""
    base = ns.page(count=COUNT)
    assert ns.link.run_program(Program([walk(DELEGATE, base)], ns.page(), repeat=COUNT)).ok
    step = walk(UNDELEGATE, base)
    results = race(ns, second_pe, [step], [step])
    assert sum(result.executed - result.failed for result in results) == COUNT
    assert not any(ns.link.probe(base, COUNT))


def test_neighbouring_granules_do_not_disturb_each_other(ns: NormalWorld, second_pe: int) -> None:
    """Every other granule belongs to one PE, the rest to the other: nothing fails (GRAN-02)."""
    base = ns.page(count=2 * COUNT)
    own = [
        [
            Step(fid, (base + pe * GRANULE_BYTES,), strides=(2 * GRANULE_BYTES,))
            for fid in (DELEGATE, UNDELEGATE, DELEGATE)
        ]
        for pe in (0, 1)
    ]
    assert all(result.ok for result in race(ns, second_pe, *own))
    assert all(ns.link.probe(base, 2 * COUNT))
    ns.undelegate(base, 2 * COUNT)
