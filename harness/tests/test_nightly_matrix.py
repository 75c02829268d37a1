# SPDX-License-Identifier: BSD-3-Clause
"""The matrix and the quarantine: what they mean, and every wrong one is one error."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from harness.nightly.config import NightlyError, load_config
from harness.nightly.quarantine import load_quarantine
from harness.nightly.words import joined

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
    assert first.arguments == ("-m", "(kvmtool) and (not slow)")
    assert (last.tests, last.budget_s) == (("testcases/rec",), 300)
    assert last.settings == ("kernel.flavour=16k",)


A_CELL = "[stack.a]\n[[cells]]\nstack = 'a'\n"
BENCH = "[[bench]]\nstack = 'a'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[night", "is not TOML"),
        ("", "there is no [[cells]]: nothing would run"),
        ("[nigt]", "nigt: not a key here, only bench, cells, kernel, night"),
        ("[night]\nbudget = 1", "[night] budget: not a key here"),
        ("[night]\nbudget_min = 'x'", "[night] budget_min: wants int or float, got 'x'"),
        ("[night]\nbudget_min = -1", "budget_min: wants a number, 0 or more, got -1"),
        ("[night]\nkeep_recordings = 'some'\n[stack.a]\n[[cells]]\nstack = 'a'", 'wants "failed"'),
        ("[[cells]]\nprofile = []", "[[cells]]: wants stack"),
        ("[stack.a]\n[[cells]]\nstack = 'b'", "[[cells]] stack: there is no [stack.b], only a"),
        ("[stack.a]\n[[cells]]\nstack = ['a', 'a']", "[[cells]]: a is there twice"),
        ("[stack.a]\nset = 'x'", "[stack.a] set: wants list, got 'x'"),
        ("[stack]\na = 1", "[stack]: a wants to be a table, [stack.a]"),
        ("[cells]", "cells wants to be tables, [[cells]]"),
        ("night = 3", "[night]: wants a table, got 3"),
        ("[night]\nbudget_min = nan", "budget_min: wants a number, 0 or more, got nan"),
        ("[night]\nbudget_min = inf", "budget_min: wants a number, 0 or more, got inf"),
        ("[night]\nworkers = 'many'", "[night] workers: wants \"auto\" or a number, got 'many'"),
        ("[night]\nkeep_nights = 0", "[night] keep_nights: wants 1 or more, got 0"),
        (A_CELL + "budget_min = 'x'", "[[cells]] budget_min: wants int or float, got 'x'"),
        (A_CELL + "without = { stack = 'a' }", "[[cells]] without: wants list, got {'stack'"),
        (A_CELL + "without = ['a']", "[[cells]] without: wants a table, got 'a'"),
        (A_CELL + "without = [{ vmm = 'a' }]", "[[cells]] without vmm: not a key here, only stack"),
        (A_CELL + "without = [{ stack = 'b' }]", "[[cells]] stack: there is no [stack.b], only a"),
        ("[stack.a]\n[[cells]]\nstack = [['a']]", "there is no [stack.['a']], only a"),
        (A_CELL + BENCH * 2, "[[bench]]: a is there twice"),
    ],
)
def test_wrong_matrix_is_one_error_that_names_the_key(
    tmp_path: Path, text: str, message: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(NightlyError, match=re.escape(message)) as error:
        load_config(file)
    assert str(error.value).startswith(str(file))


def test_matrix_that_is_not_utf_8_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "nightly.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(NightlyError, match="is not TOML: 'utf-8' codec can't decode byte 0xff"):
        load_config(file)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["-m", "a"], ["-m", "a"]),
        (["-m", "a", "--nightly", "-mb or c", "-x"], ["--nightly", "-x", "-m", "(a) and (b or c)"]),
        (["-k=a", "-m=b", "-k", "c"], ["-m", "b", "-k", "(a) and (c)"]),
        (["-m", "a", "-m", "", "-m", " "], ["-m", "a"]),
        (["-m", "a", "-m", "", "-m=b"], ["-m", "(a) and (b)"]),
        (["-m", "", "-k", "", "-k="], ["-m", "", "-k", ""]),
        (["--maxfail=3", "-x", "-m"], ["--maxfail=3", "-x", "-m"]),
    ],
)
def test_selections_of_several_axes_hold_together(words: list[str], wanted: list[str]) -> None:
    assert list(joined(words)) == wanted


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
LAST = "2026-11-30"


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
        (ENTRY.format(until="2026-11-30T00:00:00"), "until wants a date, got datetime.datetime("),
        (
            ENTRY.format(until=LAST).replace('["embedded / *"]', "'a'"),
            "cells wants a list of names",
        ),
        ("tests = 1", "wants nothing but [[quarantine]]"),
        ("quarantine = ['a']", "wants nothing but [[quarantine]]"),
        ("[[", "cannot be read"),
    ],
)
def test_wrong_quarantine_is_one_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(NightlyError, match=re.escape(message)):
        load_quarantine(written(tmp_path, text), TODAY)
