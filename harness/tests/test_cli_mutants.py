# SPDX-License-Identifier: BSD-3-Clause
"""Planted faults: what is said of one that is caught, survives, hangs or does not apply."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from harness import mutants
from harness.cli import bench, main
from harness.cli import mutants as command
from harness.cli.regress import CHECKOUT
from harness.errors import BuildError, HarnessError
from harness.mutants import Failure, Fault, Planted, Run

CATCHER = Failure("testcases/rd/test_a.py::test_it", "call", "wanted this, seen that")
Script = Callable[[Sequence[str], Sequence[str]], Run]


@contextmanager
def as_it_is(checkout: Path, _: Path) -> Iterator[Path]:
    """In place of a copy of the tree."""
    yield checkout


class FakeRunner:
    """Answers by the fault that is planted; ``asked`` has (fault, tests, left out)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str], list[str]]] = []
        self.scripts: dict[str, Script] = {
            "caught": lambda *_: Run((CATCHER,), 3),
            "hangs": lambda *_: Run((), 1, timed_out=True),
            "survives": lambda *_: Run((), 10),
            "": lambda *_: Run((), 1),
        }

    def __call__(
        self, tests: Sequence[str], settings: Sequence[str], folder: Path, *, without: Sequence[str]
    ) -> Run:
        fault = settings[0].rpartition("/")[2] if settings else ""
        folder.mkdir(parents=True)
        self.asked.append((fault, list(tests), list(without)))
        return self.scripts[fault](tests, without)

    def of(self, fault: str) -> list[list[str]]:
        """What was run with a fault, portion by portion."""
        return [tests for name, tests, _ in self.asked if name == fault]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    patches = tmp_path / "patches"
    patches.mkdir()
    for name in ("caught", "hangs", "stale", "survives"):
        file = "--- a/images/rmm/psci.c\n+++ b/images/rmm/psci.c\n"
        (patches / f"{name}.patch").write_text(f"# area: concern of {name}\n{file}")
    monkeypatch.setattr(command, "_PATCHES", patches)
    return patches


@pytest.fixture
def runner(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    def plant(fault: Fault, checkout: Path, work: Path) -> Planted:
        if fault.name == "stale":
            raise BuildError("stale: the patch does not fit", hint="make it anew")
        return Planted(tmp_path / fault.name, tmp_path / "rmm.elf")

    fake = FakeRunner()
    monkeypatch.setenv("CCA_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(mutants, "plant", plant)
    monkeypatch.setattr(mutants, "snapshot", as_it_is)
    monkeypatch.setattr(mutants, "PytestRunner", lambda *_: fake)
    return fake


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed, without times and folders."""
    out = capsys.readouterr().out.splitlines()
    return [re.sub(r"[ \d]{3}\d s  ", "", line, count=1) for line in out if "evidence:" not in line]


def evidence(tmp_path: Path) -> list[str]:
    """The folders that stayed."""
    return sorted(path.name.split("-")[0] for path in (tmp_path / "runs").glob("mutants/*/*"))


def test_every_fault_gets_a_verdict_and_none_ends_the_others(
    runner: FakeRunner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert main.main(["mutants", "--json", str(out)]) == 1
    assert lines(capsys) == [
        "caught               testcases/rd/test_a.py::test_it",
        "hangs                no end of testcases/psci",
        "stale                NOT PLANTED",
        "survives             SURVIVED",
        "2 of 4 faults caught",
        "not planted: stale: area: concern of stale",
        "  stale: the patch does not fit",
        "  hint: make it anew",
        "survived: survives: area: concern of survives",
    ]
    rows = {row["name"]: row for row in json.loads(out.read_text())}
    assert rows["caught"]["failures"][0]["text"] == "wanted this, seen that"
    assert rows["caught"]["concern"] == "area: concern of caught"
    assert rows["stale"]["error"].startswith("stale: the patch does not fit")
    assert {name: row["state"] for name, row in rows.items()}["hangs"] == "caught"
    assert evidence(tmp_path) == ["stale"]


def test_all_caught_is_success(runner: FakeRunner) -> None:
    assert main.main(["mutants", "caught"]) == 0


@pytest.mark.usefixtures("runner")
def test_unknown_fault_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["mutants", "nonsense"]) == 2
    assert "no fault named nonsense\nhint: there are: caught, hangs" in capsys.readouterr().err


def test_likely_tests_run_first_and_all_of_them_once(runner: FakeRunner) -> None:
    main.main(["mutants", "survives"])
    near, rest, long = runner.of("survives")
    assert near == ["testcases/psci"]
    there = {p.parent.name for p in CHECKOUT.glob("testcases/*/test_*.py")}
    assert {Path(path).name for path in (*near, *rest, *long)} == there
    assert len(near) + len(rest) + len(long) == len(there)
    assert "testcases/matrix" in long
    assert all("testcases/boot/test_boot_refused.py" in left for _, _, left in runner.asked)


def test_concern_names_a_folder_too() -> None:
    fault = Fault("x", "timer: it is late", Path("x.patch"), ("images/rmm/psci.c",))
    portions = mutants.portions_of(fault, ["rd", "psci", "timer", "matrix"])
    assert portions == [
        ["testcases/timer", "testcases/psci"],
        ["testcases/rd"],
        ["testcases/matrix"],
    ]


def test_test_of_the_table_runs_first(runner: FakeRunner, folder: Path) -> None:
    assert main.main(["mutants", "caught", "--record"]) == 0
    runner.asked.clear()
    main.main(["mutants", "caught"])
    assert runner.of("caught")[0] == [CATCHER.test]
    runner.asked.clear()
    main.main(["mutants", "caught", "--afresh"])
    assert runner.of("caught")[0] == ["testcases/psci"]


def test_table_keeps_what_was_not_run_and_forgets_survivors(
    runner: FakeRunner, folder: Path
) -> None:
    main.main(["mutants", "--record"])
    runner.scripts["caught"] = runner.scripts["survives"]
    runner.scripts["survives"] = lambda *_: Run((CATCHER,), 1)
    main.main(["mutants", "survives", "--record"])
    table = folder / "README.md"
    assert mutants.read_table(table) == {
        "caught": CATCHER.test,
        "hangs": "no end of testcases/psci",
        "survives": CATCHER.test,
    }
    main.main(["mutants", "caught", "--record"])
    assert "caught" not in mutants.read_table(table)
    assert "| [caught](caught.patch) | area: concern of caught | none yet |" in table.read_text()


def test_test_that_fails_once_only_is_no_proof(
    runner: FakeRunner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flake = Failure("testcases/rd/test_b.py::test_flaky", "call", "once")

    def script(tests: Sequence[str], without: Sequence[str]) -> Run:
        if list(tests) == [flake.test]:
            return Run((), 1)
        return Run((CATCHER if flake.test in without else flake,), 2)

    runner.scripts["caught"] = script
    out = tmp_path / "out.json"
    assert main.main(["mutants", "caught", "--json", str(out)]) == 0
    [row] = json.loads(out.read_text())
    assert [one["test"] for one in row["failures"]] == [CATCHER.test]
    assert row["doubts"] == [{"test": flake.test, "phase": "call", "text": "once"}]
    assert evidence(tmp_path) == ["caught"]
    assert Path(row["evidence"]).is_dir()
    assert f"failed only once, with caught: {flake.test}" in lines(capsys)


def test_test_that_fails_without_the_fault_is_no_proof(
    runner: FakeRunner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(tests: Sequence[str], _: Sequence[str]) -> Run:
        return Run((CATCHER,) if CATCHER.test in tests else (), 1)

    runner.scripts[""] = script
    assert main.main(["mutants", "caught"]) == 1
    printed = lines(capsys)
    assert "unclear: caught: area: concern of caught" in printed
    assert f"  {CATCHER.test} also fails without the fault:" in printed
    assert evidence(tmp_path) == ["no"]


def test_pytest_that_ends_strangely_concerns_one_fault(
    runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(*_: Sequence[str]) -> NoReturn:
        raise HarnessError("pytest ended with status 3:\nINTERNALERROR")

    runner.scripts["hangs"] = script
    assert main.main(["mutants", "hangs", "caught"]) == 1
    assert lines(capsys)[:3] == [
        "hangs                UNCLEAR",
        "caught               testcases/rd/test_a.py::test_it",
        "1 of 2 faults caught",
    ]


def test_tear_down_is_told_from_the_test_itself(
    runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    leak = Failure(CATCHER.test, "teardown", "traces of granules left behind")
    runner.scripts["caught"] = lambda *_: Run((leak,), 3)
    main.main(["mutants", "caught"])
    assert lines(capsys)[0].endswith(f"{CATCHER.test} (its tear-down)")


def test_patch_says_what_it_is_about(folder: Path) -> None:
    (folder / "bare.patch").write_text("--- a/x\n+++ b/x\n")
    with pytest.raises(HarnessError, match=r"bare\.patch does not say what it concerns"):
        mutants.load_faults(folder, ["bare"])


def test_patches_of_the_tree_change_sources_whose_tests_are_known() -> None:
    root = CHECKOUT
    for fault in mutants.load_faults(root / "testcases" / "mutants"):
        for file in fault.files:
            assert (root / file).is_file(), fault.name
            near = mutants.patches.NEAR[Path(file).stem]
            assert all((root / "testcases" / name).is_dir() for name in near)


def test_table_of_the_tree_has_every_fault_with_its_test() -> None:
    folder = CHECKOUT / "testcases" / "mutants"
    known = mutants.read_table(folder / "README.md")
    faults = mutants.load_faults(folder)
    assert set(known) == {fault.name for fault in faults}
    assert (folder / "README.md").read_text() == mutants.render_table(faults, known)
    for test in known.values():
        file, name = test.split("::")
        assert f"def {name.partition('[')[0]}(" in (CHECKOUT / file).read_text(), (
            f"{test} is gone: scripts/mutants --record"
        )


@pytest.mark.parametrize("name", ["mutants", "bench"])
def test_place_of_the_results_is_looked_at_first(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: object) -> NoReturn:
        raise AssertionError("measured before looking")

    monkeypatch.setattr(bench, "run", measure)
    with pytest.raises(SystemExit):
        main.main([name, "--json", "/nowhere/out.json"])
    assert "argument --json: /nowhere/out.json cannot be written" in capsys.readouterr().err


def test_number_of_samples_is_above_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["bench", "--samples", "0"])
    assert "argument --samples: 0 is not a number above 0" in capsys.readouterr().err
