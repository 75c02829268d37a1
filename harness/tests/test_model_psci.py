# SPDX-License-Identifier: BSD-3-Clause
"""PSCI in the model: calls of a realm and their completion by the host."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.model import Continues, EnterVerdict, Exits, Outcome, RealmState, act, step
from harness.model import psci as numbers
from harness.model.scenarios import Scene
from harness.tests.model_kits import kit

PC = kit().pc


@pytest.fixture
def scene() -> Scene:
    return Scene(kit())


def call_from(scene: Scene, rec: int, name: str, *args: int) -> Outcome:
    """Let a REC that is not running make a PSCI call."""
    scene.enter(rec)
    return scene.act(rec, scene.smc(name, *args))


def x0(outcome: Outcome) -> set[int | None]:
    assert isinstance(outcome, Continues)
    assert outcome.verdict is not None
    return {answer.x[0] for answer in outcome.verdict.acceptable}


def reentered(scene: Scene, rec: int) -> tuple[int | None, ...]:
    """Enter a REC again; x0.. as its PSCI call returns."""
    verdict, scene.state = step(scene.state, scene.call("RMI_REC_ENTER", rec, scene.run_page()))
    assert isinstance(verdict, EnterVerdict)
    assert isinstance(verdict.entry, Continues)
    assert verdict.entry.verdict is not None
    return verdict.entry.verdict.strict.x


def fid(name: str) -> int:
    return tables().command(name).fid


@pytest.mark.parametrize(
    ("name", "args", "answers"),
    [
        ("PSCI_VERSION", (), {0x1_0001}),
        ("SMCCC_VERSION", (), {0x1_0002}),
        ("PSCI_FEATURES", (fid("PSCI_CPU_ON"),), {0}),
        ("PSCI_FEATURES", (fid("PSCI_FEATURES"),), {0}),
        ("PSCI_FEATURES", (fid("SMCCC_VERSION"),), {0, numbers.NOT_SUPPORTED}),
        ("PSCI_FEATURES", (fid("RSI_VERSION"),), {numbers.NOT_SUPPORTED}),
        ("PSCI_CPU_ON", (0, PC), {numbers.ALREADY_ON}),
        ("PSCI_CPU_ON", (1, 1 << 39), {numbers.INVALID_ADDRESS}),
        ("PSCI_CPU_ON", (2, PC), {numbers.INVALID_PARAMETERS}),
        ("PSCI_CPU_ON", (1 << 31, PC), {numbers.INVALID_PARAMETERS}),
        ("PSCI_CPU_ON", (0x10, PC), {numbers.INVALID_PARAMETERS}),
        ("PSCI_AFFINITY_INFO", (0, 0), {numbers.ON}),
        ("PSCI_AFFINITY_INFO", (1, 1), {numbers.INVALID_PARAMETERS}),
        ("PSCI_AFFINITY_INFO", (0xF00, 0), {numbers.INVALID_PARAMETERS}),
    ],
)
def test_answered_without_an_exit(
    scene: Scene, name: str, args: tuple[int, ...], answers: set[int]
) -> None:
    _, recs = scene.guest(1, 0)
    assert x0(call_from(scene, recs[0], name, *args)) == answers


def test_affinity_levels_of_a_target() -> None:
    assert numbers.index_of_target(0x01_0002_0305) == 0x5 | 3 << 4 | 2 << 12 | 1 << 20


def test_suspend_needs_no_completion(scene: Scene) -> None:
    _, (rec,) = scene.guest()
    seen = call_from(scene, rec, "PSCI_CPU_SUSPEND", 1, 2, 3)
    assert isinstance(seen, Exits)
    assert (seen.reason_name, seen.gprs) == ("PSCI", (fid("PSCI_CPU_SUSPEND"),))
    assert reentered(scene, rec) == (*[0] * 7, None)


def test_registers_of_the_realm_after_an_exit(scene: Scene) -> None:
    """x1..x3 are zero, x7 is kept; x4..x6 are zero or kept: the clauses disagree."""
    _, (rec,) = scene.guest()
    call_from(scene, rec, "PSCI_CPU_SUSPEND", *range(1, 8))
    verdict, _ = step(scene.state, scene.call("RMI_REC_ENTER", rec, scene.run_page()))
    assert isinstance(verdict, EnterVerdict)
    assert isinstance(verdict.entry, Continues)
    assert verdict.entry.verdict is not None
    shown = [answer.x for answer in verdict.entry.verdict.acceptable]
    assert shown == [(0, 0, 0, 0, 0, 0, 0, 7), (0, 0, 0, 0, 4, 5, 6, 7)]


def test_off(scene: Scene) -> None:
    _, (rec,) = scene.guest()
    assert isinstance(call_from(scene, rec, "PSCI_CPU_OFF"), Exits)
    verdict, _ = step(scene.state, scene.call("RMI_REC_ENTER", rec, scene.run_page()))
    assert verdict.condition == "rec_runnable"


@pytest.mark.parametrize("name", ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET"])
def test_system_off_while_another_rec_runs(scene: Scene, name: str) -> None:
    rd, recs = scene.guest(1, 1)
    scene.enter(recs[1], pe=1)
    assert isinstance(call_from(scene, recs[0], name), Exits)
    assert scene.of(rd).state is RealmState.SYSTEM_OFF
    again = scene.call("RMI_REC_ENTER", recs[1], scene.run_page())
    verdict, _ = step(scene.state, again)
    assert {answer.condition for answer in verdict.acceptable} == {"rec_state", "system_off"}
    assert verdict.accepts((2 | 1 << 8,))


@pytest.mark.parametrize(
    ("runnable", "status", "reply"),
    [
        (0, numbers.SUCCESS, numbers.SUCCESS),
        (0, numbers.DENIED, numbers.DENIED),
        (1, numbers.SUCCESS, numbers.ALREADY_ON),
    ],
)
def test_cpu_on(scene: Scene, runnable: int, status: int, reply: int) -> None:
    _, (calling, target) = scene.guest(1, runnable)
    seen = call_from(scene, calling, "PSCI_CPU_ON", 1, PC + 8, 0x77)
    assert isinstance(seen, Exits)
    assert seen.gprs == (fid("PSCI_CPU_ON"), 1)
    scene.do("RMI_PSCI_COMPLETE", calling, target, status)
    assert reentered(scene, calling) == (reply, *[0] * 6, None)
    rec = scene.state.recs[target]
    assert rec.is_runnable is (reply != numbers.DENIED)
    if reply == numbers.SUCCESS:
        assert rec.start == (PC + 8, (0x77, 0, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(("runnable", "reply"), [(0, numbers.OFF), (1, numbers.ON)])
def test_affinity_info(scene: Scene, runnable: int, reply: int) -> None:
    _, (calling, target) = scene.guest(1, runnable)
    assert isinstance(call_from(scene, calling, "PSCI_AFFINITY_INFO", 1, 0), Exits)
    scene.do("RMI_PSCI_COMPLETE", calling, target, numbers.SUCCESS)
    assert reentered(scene, calling) == (reply, *[0] * 6, None)


def test_denied_too_late_is_an_error_with_an_effect(scene: Scene) -> None:
    _, (calling, target) = scene.guest(1, 1)
    call_from(scene, calling, "PSCI_CPU_ON", 1, PC, 0)
    made = scene.call("RMI_PSCI_COMPLETE", calling, target, numbers.DENIED)
    verdict, scene.state = step(scene.state, made)
    assert verdict.condition == "status"
    assert reentered(scene, calling) == (numbers.ALREADY_ON, *[0] * 6, None)


def test_refused_status_leaves_the_request_pending(scene: Scene) -> None:
    _, (calling, target) = scene.guest(1, 0)
    call_from(scene, calling, "PSCI_CPU_ON", 1, PC, 0)
    for status in (numbers.ALREADY_ON, 0xFFFF_FFFD):
        made = scene.call("RMI_PSCI_COMPLETE", calling, target, status)
        verdict, after = step(scene.state, made)
        assert verdict.condition == "status"
        assert after is scene.state


def test_destroyed_rec_is_still_a_target(scene: Scene) -> None:
    """The counter of RECs decides which MPIDRs exist."""
    _, (calling, target) = scene.guest(1, 0)
    scene.do("RMI_REC_DESTROY", target)
    assert isinstance(call_from(scene, calling, "PSCI_CPU_ON", 1, PC, 0), Exits)


def test_exit_makes_the_rec_ready(scene: Scene) -> None:
    _, (rec,) = scene.guest()
    scene.enter(rec)
    _, after = act(scene.state, rec, scene.smc("PSCI_CPU_SUSPEND"))
    assert after.recs[rec].running is None
