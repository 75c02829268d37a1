# SPDX-License-Identifier: BSD-3-Clause
"""The same tests on a lab of boards: labgrid's own coordinator and exporter, QEMUs as boards.

A mishap of the lab costs an attempt, never a test; whatever happens, no place stays acquired.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.lab.loopback import LoopbackLab
from harness.stack import build_stack, load_stack
from harness.tests.lab_sessions import LabSession, until

pytestmark = [pytest.mark.qemu, pytest.mark.slow, pytest.mark.lab]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LoopbackLab]:
    try:
        built = build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    with LoopbackLab.start(tmp_path / "lab", built) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path, lab: LoopbackLab) -> Iterator[Callable[..., LabSession]]:
    started: list[LabSession] = []

    def begin(*words: str, count: int = 8, mishaps: dict[int, str] | None = None) -> LabSession:
        folder = tmp_path / f"session-{len(started)}"
        started.append(LabSession(folder, lab, *words, count=count, mishaps=mishaps))
        return started[-1]

    yield begin
    for session in started:
        session.close()


def powered(lab: LoopbackLab) -> list[str]:
    """Boards that are there and on."""
    there = {name: board for name, board in lab.boards.items() if board.process.poll() is None}
    return [name for name, board in there.items() if board.powered()]


def assert_free(lab: LoopbackLab, session: LabSession) -> None:
    """Nothing of the session is left: no process, no place, no power on."""
    session.wait_gone()
    assert lab.acquired() == {}
    assert powered(lab) == []


def test_a_killed_board_and_a_stolen_lease_cost_no_test(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    session = start("-n", "3", mishaps={1: "kill", 4: "steal"})
    _, killed, _ = session.wish(1)
    lab.boards[killed].kill()
    _, stolen, _ = session.wish(4)
    lab.steal(stolen)
    assert session.finish() == 0, session.output()
    passed = {int(number): place for number, place, _ in session.passed()}
    assert sorted(passed) == list(range(8))
    assert passed[1] != killed
    assert passed[4] != stolen
    assert sorted(name.partition("[")[2] for name in session.faults()) == ["1]", "4]"]
    assert "lab faults, run again elsewhere" in session.output()
    assert f"place {stolen} was lost: somebody else released the place" in session.output()
    session.wait_gone()
    assert set(lab.acquired()) == {stolen}
    assert powered(lab) == [stolen]  # what the thief does with it is no longer our business


def test_workers_take_different_places(lab: LoopbackLab, start: Callable[..., LabSession]) -> None:
    session = start("-n", "2", count=4, mishaps={0: "wait", 1: "wait", 2: "wait", 3: "wait"})
    until(lambda: len(list(session.folder.glob("*.wish"))) == 2, "two tests hold a board")
    held = lab.acquired()
    assert len(held) == 2
    assert len(set(held.values())) == 2
    session.kill()
    assert_free(lab, session)


def test_a_board_that_hangs_is_a_lab_fault(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    session = start("-n0", count=2, mishaps={0: "hang"})
    _, hung, _ = session.wish(0)
    lab.boards[hung].hang()
    assert session.finish() == 0, session.output()
    assert len(session.faults()) == 1
    assert f"place {hung}: the board hangs" in session.output()
    assert all(place != hung for _, place, _ in session.passed())
    assert_free(lab, session)


def test_an_exporter_that_dies_is_a_lab_fault_and_its_return_is_enough(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    session = start("-n0", count=2, mishaps={0: "exporter"})
    _, place, _ = session.wish(0)
    assert lab.exporter is not None
    lab.exporter.stop(soft_s=0)
    until(lambda: session.outcomes_file.exists() and session.faults(), "the fault was seen")
    lab.start_exporter()
    assert session.finish() == 0, session.output()
    assert f"place {place} was lost: exporter loopback no longer offers" in session.output()
    assert_free(lab, session)


def test_a_killed_session_leaves_nothing(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    session = start("-n", "2", count=2, mishaps={0: "kill", 1: "kill"})
    session.wish(0)
    session.wish(1)
    session.kill()
    assert_free(lab, session)


def test_what_a_killed_agent_held_is_free_for_the_next_run(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    session = start("-n0", count=1, mishaps={0: "agent"})
    session.wish(0)
    everything = session.processes()
    session.kill()
    for line in everything:
        if "harness.lab.agent" in line:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split()[0]), signal.SIGKILL)
    session.wait_gone()
    following = start("-n0", count=1)
    assert following.finish() == 0, following.output()
    assert_free(lab, following)


def test_no_place_leaks_over_several_runs(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    for _ in range(2):
        session = start("-n", "2", count=4)
        assert session.finish() == 0, session.output()
        assert_free(lab, session)


def test_a_stack_that_does_not_boot_is_no_lab_fault(
    lab: LoopbackLab, start: Callable[..., LabSession], tmp_path: Path
) -> None:
    """An RMM that hangs at its first instruction: the boards speak, BL31 was there."""
    image = tmp_path / "hangs.img"
    image.write_bytes((0x14000000).to_bytes(4, "little") * 1024)  # b .
    lab.write_env(boot_timeout_s=4)
    session = start("-n0", "--set", f"rmm.image={image}", count=1)
    assert session.finish() == 1
    assert session.faults() == []
    assert "verdict:   stack (phase setup)" in session.output()
    assert_free(lab, session)


def test_more_workers_than_places_take_turns(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    for name in ("board1", "board2", "board3"):
        lab.client("-p", name, "acquire")
    session = start("-n", "2", count=4)
    assert session.finish() == 0, session.output()
    assert {place for _, place, _ in session.passed()} == {"board4"}
    assert len({worker for _, _, worker in session.passed()}) == 2
    session.wait_gone()
    assert "board4" not in lab.acquired()


def test_a_lab_without_fitting_places_is_one_message(
    lab: LoopbackLab, start: Callable[..., LabSession]
) -> None:
    lab.write_env(tags={"board": "unicorn"})
    session = start("-n", "2", count=1)
    assert session.finish() == 4
    assert "no place of the lab has the wanted tags" in session.output()
    assert not (session.folder / "runs").exists()
