# SPDX-License-Identifier: BSD-3-Clause
"""The files of a nightly: matrix, quarantine, history, CI definitions; what is kept."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.capacity import load_now
from harness.nightly import tidy
from harness.nightly.child import Ended
from harness.nightly.config import NightlyError, load_config
from harness.nightly.ending import after_attempt, out_of_budget
from harness.nightly.history import History
from harness.nightly.ledger import rule
from harness.nightly.quarantine import load_quarantine
from harness.nightly.rows import CellRow
from harness.results import Book, Phase
from harness.tests.night_story import make_history, night_name

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 21)

MATRIX = """
[night]
cell_budget_min = 7
[stack.embedded]
[stack.linux]
file = "stacks/linux.toml"
[kernel."6.12"]
set = ["kernel.version=6.12"]
[kernel."7.2"]
[page_size.4k]
[page_size.16k]
set = ["kernel.flavour=16k"]
[vmm.kvmtool]
arguments = ["-m", "kvmtool"]
[profile.quick]
arguments = ["-m", "not slow"]
tests = ["testcases/rec"]
budget_min = 5
[[cells]]
stack = "embedded"
[[cells]]
stack = "linux"
kernel = ["6.12", "7.2"]
page_size = ["4k", "16k"]
vmm = "kvmtool"
profile = "quick"
without = [{ kernel = "6.12", page_size = "16k" }]
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "nightly.toml"
    file.write_text(text)
    return file


def test_cells_are_the_product_of_their_axes(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, MATRIX))
    assert [cell.name for cell in config.cells] == [
        "embedded",
        "linux / 6.12 / 4k / kvmtool / quick",
        "linux / 7.2 / 4k / kvmtool / quick",
        "linux / 7.2 / 16k / kvmtool / quick",
    ]
    plain, first, _, last = config.cells
    assert (plain.stack, plain.budget_s) == ("embedded", 420)
    assert (first.stack, first.settings) == ("stacks/linux.toml", ("kernel.version=6.12",))
    assert first.arguments == ("-m", "kvmtool", "-m", "not slow")
    assert (last.tests, last.budget_s) == (("testcases/rec",), 300)
    assert last.settings == ("kernel.flavour=16k",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[night", "is not TOML"),
        ("", "there is no [[cells]]: nothing would run"),
        ("[nigt]", "nigt: not a key here, only bench, cells, kernel, night"),
        ("[night]\nbudget = 1", "[night] budget: not a key here"),
        ("[night]\nbudget_min = 'x'", "[night] budget_min: wants int or float, got 'x'"),
        ("[night]\nbudget_min = -1", "[night] budget_min: -1 is below 0"),
        ("[night]\nkeep_recordings = 'some'\n[stack.a]\n[[cells]]\nstack = 'a'", 'wants "failed"'),
        ("[[cells]]\nprofile = []", "[[cells]]: wants stack"),
        ("[stack.a]\n[[cells]]\nstack = 'b'", "[[cells]] stack: there is no [stack.b], only a"),
        ("[stack.a]\n[[cells]]\nstack = ['a', 'a']", "[[cells]]: a is there twice"),
        ("[stack.a]\nset = 'x'", "[stack.a] set: wants list, got 'x'"),
        ("[stack]\na = 1", "[stack]: a wants to be a table, [stack.a]"),
        ("[cells]", "cells wants to be tables, [[cells]]"),
    ],
)
def test_wrong_matrix_is_one_error_that_names_the_key(
    tmp_path: Path, text: str, message: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(NightlyError, match=re.escape(message)) as error:
        load_config(file)
    assert str(error.value).startswith(str(file))


def test_missing_matrix_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(NightlyError, match=r"No such file.*\nhint: --config=FILE names another"):
        load_config(tmp_path / "none.toml")


def test_shipped_matrix_and_quarantine_are_sound() -> None:
    config = load_config(ROOT / "ci" / "nightly.toml")
    assert config.quarantine == ROOT / "ci" / "quarantine.toml"
    load_quarantine(config.quarantine, date.today())


ENTRY = """
[[quarantine]]
test = "testcases/rec/test_x.py::test_y[*"
cells = ["embedded / *"]
since = 2026-11-01
until = {until}
reason = "PE 3 is not woken"
"""


def test_quarantine_covers_its_tests_cells_and_days(tmp_path: Path) -> None:
    file = written(tmp_path, ENTRY.format(until="2026-11-21"))
    one = "testcases/rec/test_x.py::test_y[a-1]"
    today = load_quarantine(file, TODAY)
    assert today.reason("embedded / full", one) == "PE 3 is not woken (until 2026-11-21)"
    assert today.reason("trp / full", one) == ""
    assert today.reason("embedded / full", "testcases/rec/test_x.py::test_z") == ""
    assert today.complaints() == []
    assert load_quarantine(file, date(2026, 10, 31)).reason("embedded / full", one) == ""


def test_quarantine_that_has_expired_excuses_nothing_and_says_so(tmp_path: Path) -> None:
    later = load_quarantine(written(tmp_path, ENTRY.format(until="2026-11-20")), TODAY)
    assert later.reason("embedded / full", "testcases/rec/test_x.py::test_y[a-1]") == ""
    [complaint] = later.complaints()
    assert complaint == (
        "quarantine of testcases/rec/test_x.py::test_y[* ended on 2026-11-20, 1 day ago "
        "(PE 3 is not woken): mend the test, or decide anew"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY.format(until="'soon'"), "entry 1: until wants a date, got 'soon'"),
        (ENTRY.format(until="2027-11-01"), "are 365 days, wants 0 to 90\nhint: a quarantine is"),
        (ENTRY.format(until="2026-10-01"), "are -31 days, wants 0 to 90"),
        ("[[quarantine]]\ntest = 'x'", "entry 1: since wants a date, it is missing"),
        ("[[quarantine]]\nname = 'x'", "entry 1: name is not a key, only test, since"),
        ("tests = 1", "wants nothing but [[quarantine]]"),
        ("[[", "cannot be read"),
    ],
)
def test_wrong_quarantine_is_one_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(NightlyError, match=re.escape(message)):
        load_quarantine(written(tmp_path, text), TODAY)


BUSY = {"cpus": 2.0, "load": 20.0}
IDLE = {"cpus": 2.0, "load": 0.5}


@pytest.mark.parametrize(
    ("verdict", "load", "reruns", "kind"),
    [
        ("assertion", IDLE, ["failed", "failed"], "deterministic"),
        ("assertion", IDLE, ["passed"], "flake"),
        ("assertion", BUSY, ["passed"], "flake"),
        ("stack", IDLE, ["failed", "passed"], "flake"),
        ("stack", IDLE, ["passed"], "flake"),
        ("stack", BUSY, ["passed"], "host overload"),
        ("stack", BUSY, ["failed", "passed"], "flake"),
        ("stack", BUSY, ["failed", "failed"], "deterministic"),
        ("lab", IDLE, ["passed"], "lab fault"),
        ("lab", IDLE, [], "lab fault"),
        ("lab", IDLE, ["lab"], "lab fault"),
        ("lab", IDLE, ["failed"], "deterministic"),
        ("assertion", IDLE, [], "not rerun"),
    ],
)
def test_ledger_rules_by_reruns_load_and_verdict(
    verdict: str, load: dict[str, float], reruns: list[str], kind: str
) -> None:
    def phase(outcome: str, blame: str, load: dict[str, float]) -> Phase:
        return Phase("t", "call", outcome, 1.0, 0.0, verdict=blame, load=load)

    again = [
        phase("failed", "lab", {}) if one == "lab" else phase(one, "assertion", {})
        for one in reruns
    ]
    assert rule(phase("failed", verdict, load), again).kind == kind


def test_load_is_what_the_ledger_reads() -> None:
    assert {"cpus", "load", "cpu_stalled", "memory_stalled"} <= load_now().keys()


def test_damaged_history_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    file.write_bytes(b"this is not a database" * 100)
    with pytest.raises(NightlyError, match="cannot be used: file is not a database"):
        History(file)


def test_history_survives_a_writer_that_is_cut_off(tmp_path: Path) -> None:
    """What was not committed is not there, what was is."""
    make_history(tmp_path, nights=1).close()
    file = tmp_path / "history.sqlite"
    cut_off = (
        "import os, signal, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN IMMEDIATE');"
        "db.execute('DELETE FROM result'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", cut_off, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    history = History(file)
    history.check()
    assert len(history.results(night_name(0))) == 160


def test_night_that_is_not_there_is_an_error_with_those_that_are(tmp_path: Path) -> None:
    history = make_history(tmp_path, nights=2)
    with pytest.raises(NightlyError, match=r"no night x in .*; the last are: 20261002-0100, 2026"):
        history.night("x")


def test_recordings_of_failures_are_kept_and_others_go(tmp_path: Path) -> None:
    needed, other = tmp_path / "m/1/calls.tap", tmp_path / "m/2/calls.tap"
    for file in (needed, other):
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(100))
    failure = tmp_path / "t" / "failure.json"
    failure.parent.mkdir()
    failure.write_text(json.dumps({"recording": {"file": str(needed)}}))
    assert tidy.recordings(tmp_path) == 100
    assert needed.exists()
    assert not other.exists()


def test_old_nights_keep_their_reports_only(tmp_path: Path) -> None:
    history = make_history(tmp_path, nights=3)
    for number in range(3):
        folder = tmp_path / night_name(number)
        (folder / "report.html").write_text("page")
        (folder / "cells").mkdir()
    assert tidy.old_nights(tmp_path, history, keep=2) == [night_name(0)]
    assert [path.name for path in (tmp_path / night_name(0)).iterdir()] == ["report.html"]
    assert (tmp_path / night_name(1) / "cells").is_dir()


def test_published_night_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "night.json").write_text(name)
        tidy.publish(tmp_path / name, tmp_path / "night")
    assert (tmp_path / "night" / "night.json").read_text() == "b"
    (tmp_path / "home").mkdir()
    with pytest.raises(NightlyError, match="home is there already and is not a night"):
        tidy.publish(tmp_path / "a", tmp_path / "home")


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_definitions_only_call_scripts(name: str) -> None:
    text = (ROOT / "ci" / name).read_text()
    called = re.findall(r"^ *- (?:run: )?((?:ci|scripts)/\S+.*)$", text, re.MULTILINE)
    assert {line.split()[0] for line in called} == {"scripts/check", "ci/nightly"}
    assert all((ROOT / line.split()[0]).stat().st_mode & 0o111 for line in called)
    runs = re.findall(r"- run: (\S+)", text)
    assert set(runs) <= {"scripts/check", "ci/nightly"}


def book_of(planned: int, ended: int, status: int | None) -> Book:
    phases = {f"t{n}": [Phase(f"t{n}", "teardown", "passed", 0.1, 1.0)] for n in range(ended)}
    return Book(planned=[f"t{n}" for n in range(planned)], phases=phases, status=status)


@pytest.mark.parametrize(
    ("book", "status", "attempts", "state", "message"),
    [
        (book_of(3, 3, 0), 0, 1, "ran", ""),
        (book_of(3, 3, 1), 1, 1, "ran", ""),
        (book_of(0, 0, 5), 5, 1, "ran", "no test was selected"),
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
    [cell, *_] = load_config(written(tmp_path, MATRIX)).cells
    row = CellRow(night="n", name=cell.name, axes={}, attempts=attempts)
    after = after_attempt(row, Ended(status, over_budget=False), book, cell, "last words")
    if state is None:
        assert after is None
    else:
        assert after is not None
        assert after.state == state
        assert (after.message.splitlines() or [""])[0] == message


def test_cell_that_ran_out_of_time_says_whose_time(tmp_path: Path) -> None:
    [cell, *_] = load_config(written(tmp_path, MATRIX)).cells
    row = CellRow(night="n", name=cell.name, axes={})
    assert out_of_budget(row, cell).state == "not run"
    later = out_of_budget(replace(row, attempts=1), cell)
    assert later.message == "the budget of 7 min (or of the night) was used up"
