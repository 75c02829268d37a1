# SPDX-License-Identifier: BSD-3-Clause
"""Random calls: invariants hold, failures change nothing, a step is little work."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.abi import tables
from harness.model import Call, EnterVerdict, Exits, State, act, call, check, check_step, step
from harness.model.scenarios import Do, Scene, Step, Wanderer
from harness.tests.model_kits import PLAIN, kit

PAGE = 0x1000
HEAP = kit().heap
RMI = [c for c in tables().commands.values() if c.name.startswith("RMI_")]
SAVES = frozenset({("RMI_PSCI_COMPLETE", "status")})
"""The one failure that may change the state."""


def advance(state: State, made: Step) -> tuple[str, State]:
    """Apply a step with all checks; returns what came of it in a word or two."""
    if isinstance(made, Do):
        outcome, after = act(state, made.rec, made.activity)
        came = f"{type(made.activity).__name__} {type(outcome).__name__}"
    else:
        verdict, after = step(state, made)
        came = f"{verdict.name} {verdict.condition}"
        if not verdict.ok and (verdict.name, verdict.condition) not in SAVES:
            assert after is state
        if isinstance(verdict, EnterVerdict) and isinstance(verdict.entry, Exits):
            assert after is state
    assert check_step(state, after) == []
    return came, after


@functools.cache
def built(*, activate: bool) -> State:
    """A realm with RECs, memory of all kinds and tables."""
    scene = Scene(kit())
    rd, _ = scene.guest(1, 1, 0, activate=False)
    scene.ram(rd, HEAP, HEAP + 4 * PAGE)
    scene.data(rd, HEAP)
    scene.tables(rd, 1 << 39)
    scene.delegated(4)
    if activate:
        scene.do("RMI_REALM_ACTIVATE", rd)
    return scene.state


@given(st.data(), st.sampled_from(["nothing", "new", "active"]))
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_short_walks_keep_the_invariants(data: st.DataObject, start: str) -> None:
    state = State(PLAIN) if start == "nothing" else built(activate=start == "active")
    wanderer = Wanderer(kit(), lambda options: data.draw(st.sampled_from(options)))
    for _ in range(data.draw(st.integers(1, 25))):
        _, state = advance(state, wanderer.step(state))
        assert check(state) == []


@pytest.mark.parametrize("start", ["nothing", "new", "active"])
def test_long_walks_keep_the_invariants(start: str) -> None:
    seen: Counter[str] = Counter()
    for seed in range(12):
        state = State(PLAIN) if start == "nothing" else built(activate=start == "active")
        wanderer = Wanderer(kit(), Random(seed).choice)
        for number in range(250):
            came, state = advance(state, wanderer.step(state))
            seen[came] += 1
            if number % 10 == 0:
                assert check(state) == []
    succeeded = {came.split()[0] for came in seen if came.endswith("None")}
    assert len(succeeded) > 12, sorted(succeeded)


@given(st.integers(), st.lists(st.integers(0, 2**64 - 1), max_size=8))
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_registers_and_pages_are_judged(seed: int, args: list[int]) -> None:
    state = State(PLAIN)
    page = Random(seed).randbytes(PAGE)
    for command in RMI:
        verdict, after = step(state, Call(command.fid, tuple(args), {0xB000_0000: page}))
        assert verdict.acceptable
        assert verdict.ok or after is state


def test_a_step_is_little_work() -> None:
    """Function calls are counted, as no busy machine changes them: 1000 take about 100 µs."""
    scene = Scene(kit())
    for _ in range(3):
        rd, _ = scene.guest(1, 0, activate=False)
        for n in range(60):
            scene.data(rd, HEAP + n * PAGE)
    calls = [
        scene.call("RMI_DATA_DESTROY", rd, HEAP),
        scene.call("RMI_RTT_READ_ENTRY", rd, HEAP, 3),
        call("RMI_GRANULE_DELEGATE", 0xA000_0000),
    ]
    work = function_calls(lambda: [step(scene.state, made) for made in calls])
    assert len(calls) < work < 400 * len(calls)


def function_calls(run: Callable[[], object]) -> int:
    """How many functions are called, those of the interpreter's included."""
    events: Counter[str] = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, _what: events.update([event]))
    try:
        run()
    finally:
        sys.setprofile(before)
    return events["call"] + events["c_call"]
