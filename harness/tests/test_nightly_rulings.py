# SPDX-License-Identifier: BSD-3-Clause
"""What a failure is ruled to be, and how a cell came to its end."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness.capacity import load_now
from harness.deadline import Deadline
from harness.errors import (
    AlarmRaised,
    BootFailed,
    ConsoleTimeout,
    LinkTimeout,
    MachineDied,
    RealmError,
)
from harness.machine import qmp
from harness.nightly.child import Ended
from harness.nightly.config import Cell, load_config
from harness.nightly.ending import after_attempt, after_reruns, not_prepared, out_of_budget
from harness.nightly.ledger import rule
from harness.nightly.rows import CellRow, ResultRow
from harness.plugin.results import missed_deadline
from harness.realm import Realm
from harness.results import CRASHED, FILE_VARIABLE, Book, Phase, read
from harness.shell import ShellTimeout
from harness.tap import TapTimeout
from harness.tests.fake_host import INPUT
from harness.tests.test_plugin_session import Inner, inner
from harness.tests.test_realm_life import FakeRealm, host, realm, world

pytest_plugins = ["pytester"]
__all__ = ["host", "inner", "realm", "world"]

BUSY = {"cpus": 2.0, "load": 20.0}
IDLE = {"cpus": 2.0, "load": 0.5}


@pytest.mark.parametrize(
    ("verdict", "load", "reruns", "kind"),
    [
        ("assertion", IDLE, ["failed", "failed"], "deterministic"),
        ("assertion", IDLE, ["passed"], "flake"),
        ("assertion", BUSY, ["passed"], "flake"),
        ("stack", BUSY, ["passed"], "flake"),
        ("stack", IDLE, ["failed", "passed"], "flake"),
        ("stack", IDLE, ["passed"], "flake"),
        ("late", BUSY, ["passed"], "host overload"),
        ("late", BUSY, ["failed", "passed"], "flake"),
        ("late", BUSY, ["failed", "failed"], "deterministic"),
        ("lab", IDLE, ["passed"], "lab fault"),
        ("lab", IDLE, [], "lab fault"),
        ("lab", IDLE, ["lab"], "lab fault"),
        ("lab", IDLE, ["failed"], "deterministic"),
        ("assertion", IDLE, [], "not rerun"),
        ("assertion", IDLE, ["skipped"], "not rerun"),
        ("assertion", IDLE, ["xfailed"], "not rerun"),
        ("assertion", IDLE, ["failed", "skipped"], "deterministic"),
        ("assertion", IDLE, ["xpassed"], "flake"),
        ("late", IDLE, ["passed"], "flake"),
        ("crash", IDLE, ["crash", "crash"], "deterministic"),
        ("crash", IDLE, ["crash", "passed"], "lab fault"),
        ("crash", IDLE, ["lab"], "lab fault"),
        ("crash", IDLE, ["failed"], "deterministic"),
        ("crash", IDLE, [], "lab fault"),
    ],
)
def test_ledger_rules_by_reruns_load_and_verdict(
    verdict: str, load: dict[str, float], reruns: list[str], kind: str
) -> None:
    assert rule(failure_of(verdict, load), [rerun_of(one) for one in reruns]).kind == kind


def failure_of(verdict: str, load: dict[str, float]) -> Phase:
    """ "late" is a stack's missed deadline, "crash" the end of the test's process."""
    if verdict == "late":
        return Phase("t", "call", "failed", 1.0, 0.0, verdict="stack", load=load, deadline="yes")
    if verdict == "crash":
        return Phase("t", CRASHED, "failed", 1.0, 0.0, verdict="lab", load=load)
    return Phase("t", "call", "failed", 1.0, 0.0, verdict=verdict, load=load)


def rerun_of(what: str) -> Phase:
    if what in ("lab", "crash"):
        return failure_of(what, {})
    return Phase("t", "call", what, 1.0, 0.0, verdict="assertion" if what == "failed" else "")


@pytest.mark.parametrize(
    ("failure", "reruns", "why"),
    [
        ("assertion", ["skipped"], "run again: skipped"),
        ("assertion", [], "too many failures, or no time left"),
        ("assertion", ["failed", "skipped"], "failed again 1 of 1 times, alone"),
        ("crash", ["crash", "crash"], "ended its process 2 of 2 times, alone"),
        ("late", ["passed"], "load 20 on 2 CPUs when it failed; run again: passed"),
    ],
)
def test_ruling_says_why(failure: str, reruns: list[str], why: str) -> None:
    assert rule(failure_of(failure, BUSY), [rerun_of(one) for one in reruns]).why == why


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "missed"),
    [
        (ConsoleTimeout("x"), "yes"),
        (LinkTimeout("x"), "yes"),
        (ShellTimeout("x"), "yes"),
        (TapTimeout("x"), "yes"),
        (caused(BootFailed("x"), ConsoleTimeout("y")), "yes"),
        (BootFailed("x"), ""),
        (AlarmRaised("x"), ""),
        (MachineDied("x"), ""),
        (AssertionError("x"), ""),
        (None, ""),
    ],
)
def test_only_what_took_too_long_missed_a_deadline(
    error: BaseException | None, missed: str
) -> None:
    assert missed_deadline(error) == missed


class Mute:
    """A QEMU that never answers."""

    async def execute(self, _command: str, _arguments: object) -> None:
        await asyncio.Event().wait()

    async def disconnect(self) -> None:
        """Leave at once."""


def test_qemu_that_does_not_answer_missed_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(_line: socket.socket) -> Mute:
        return Mute()

    monkeypatch.setattr(qmp, "_connect", connect)
    ours, theirs = socket.socketpair()
    channel = qmp.QmpChannel(ours)
    with pytest.raises(qmp.QmpError, match=r"control channel was silent for 0 s") as silent:
        channel.handshake(lambda: False, Deadline.after(0))
    with pytest.raises(qmp.QmpError, match=r"QMP stop \{\}: no answer in 0.01 s") as no_answer:
        channel.execute("stop", {}, 0.01)
    channel.close()
    theirs.close()
    assert missed_deadline(silent.value) == missed_deadline(no_answer.value) == "yes"


def test_rec_that_does_not_start_missed_a_deadline(host: FakeRealm, realm: Realm) -> None:
    rec = realm.add_rec()
    host.answers["RMI_RTT_SET_RIPAS"] = lambda *_: INPUT
    with pytest.raises(RealmError, match="did not start to run in 0 s") as caught:
        realm.wait_running(rec, timeout_s=0)
    assert missed_deadline(caught.value) == "yes"


LATE = """
from harness.errors import AlarmRaised, LinkTimeout
def test_late(rmi): raise LinkTimeout("no answer")
def test_late_alone(): raise LinkTimeout("no answer")
def test_panics(rmi): raise AlarmRaised("RMM PANIC")
"""


def test_results_tell_which_failure_is_a_missed_deadline(
    inner: Inner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "results.jsonl"))
    inner.run(LATE)
    results = read([tmp_path / "results.jsonl"]).results()
    assert {name.rpartition("::")[2]: r.decided_by.deadline for name, r in results.items()} == {
        "test_late": "yes",
        "test_late_alone": "yes",
        "test_panics": "",
    }


def test_load_is_what_the_ledger_reads() -> None:
    assert {"cpus", "host_cpus", "load", "cpu_stalled", "memory_stalled"} <= load_now().keys()


def book_of(planned: int, ended: int, status: int | None) -> Book:
    phases = {f"t{n}": [Phase(f"t{n}", "teardown", "passed", 0.1, 1.0)] for n in range(ended)}
    return Book(planned=[f"t{n}" for n in range(planned)], phases=phases, status=status)


def cell_of(folder: Path) -> Cell:
    file = folder / "nightly.toml"
    file.write_text("[stack.a]\nbudget_min = 7\n[[cells]]\nstack = 'a'\n")
    [cell] = load_config(file).cells
    return cell


@pytest.mark.parametrize(
    ("book", "status", "attempts", "state", "message"),
    [
        (book_of(3, 3, 0), 0, 1, "ran", ""),
        (book_of(3, 3, 1), 1, 1, "ran", ""),
        (book_of(0, 0, 5), 5, 1, "error", "no test was selected"),
        (book_of(3, 3, 5), 5, 2, "ran", ""),
        (book_of(3, 1, None), -9, 1, None, ""),
        (book_of(0, 0, None), -9, 1, None, ""),
        (book_of(0, 0, None), 1, 1, None, ""),
        (book_of(0, 0, 3), 1, 1, None, ""),
        (book_of(0, 0, None), 4, 1, "error", "pytest ended with status 4"),
        (book_of(3, 1, 2), 2, 2, None, ""),
        (book_of(3, 1, 2), 2, 3, "ran", "2 of 3 tests were not run, pytest ended with status 2"),
        (book_of(0, 0, None), -9, 3, "error", "pytest ended with status -9"),
        (book_of(0, 0, 2), 2, 1, "error", "pytest ended with status 2"),
        (book_of(0, 0, 4), 4, 1, "error", "pytest ended with status 4"),
    ],
)
def test_cell_is_complete_or_tried_again_or_says_why_not(
    tmp_path: Path, book: Book, status: int, attempts: int, state: str | None, message: str
) -> None:
    cell = cell_of(tmp_path)
    row = CellRow(night="n", name=cell.name, axes={}, attempts=attempts)
    after = after_attempt(row, Ended(status, over_budget=False), book, cell, "last words")
    if state is None:
        assert after is None
    else:
        assert after is not None
        assert after.state == state
        assert (after.message.splitlines() or [""])[0] == message


def test_cell_that_pytest_refused_says_why_in_its_first_line(tmp_path: Path) -> None:
    cell = cell_of(tmp_path)
    row = CellRow(night="n", name=cell.name, axes={}, attempts=1)
    log = "ERROR: file or directory not found: testcases/recc\n\nno tests ran"
    after = after_attempt(row, Ended(4, over_budget=False), book_of(0, 0, 4), cell, log)
    assert after is not None
    assert after.message.splitlines()[0] == (
        "pytest ended with status 4: file or directory not found: testcases/recc"
    )


def test_cell_that_ran_out_of_time_says_whose_time(tmp_path: Path) -> None:
    cell = cell_of(tmp_path)
    row = CellRow(night="n", name=cell.name, axes={})
    assert out_of_budget(row, cell).state == "not run"
    later = out_of_budget(replace(row, attempts=1), cell)
    assert later.message == "the budget of 7 min (or of the night) was used up"


def test_cell_that_cannot_be_built_any_more_keeps_what_it_did() -> None:
    row = CellRow(night="n", name="c", axes={}, attempts=1)
    assert not_prepared(row, book_of(3, 1, None), "no mirror").state == "ran"
    assert not_prepared(row, book_of(3, 0, None), "no mirror").state == "error"
    assert not_prepared(row, Book(), "no mirror").message == "no mirror"


def result_of(outcome: str, kind: str = "", *reruns: str) -> ResultRow:
    return ResultRow(night="n", cell="c", test="t", outcome=outcome, kind=kind, reruns=reruns)


LOST = result_of("failed", "lab fault", "failed")


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ([], "stopped"),
        ([LOST, result_of("not run")], "stopped"),
        ([LOST, LOST], "error"),
        ([result_of("failed", "lab fault")], "error"),
        ([result_of("failed", "lab fault", "skipped")], "error"),
        ([LOST, result_of("passed")], "done"),
        ([LOST, result_of("skipped")], "done"),
        ([LOST, result_of("xfailed")], "done"),
        ([LOST, result_of("failed", "lab fault", "passed")], "done"),
        ([LOST, result_of("failed", "flake", "passed")], "done"),
        ([LOST, result_of("failed", "deterministic", "failed")], "done"),
    ],
)
def test_cell_in_which_nothing_was_tested_is_an_error(results: list[ResultRow], state: str) -> None:
    row = CellRow(night="n", name="c", axes={}, state="ran", message="earlier")
    ended = after_reruns(row, results)
    assert ended.state == state
    lost = f"no test came to a result, each was a lab fault ({len(results)})\nearlier"
    assert ended.message == (lost if state == "error" else "earlier")
