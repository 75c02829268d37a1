# SPDX-License-Identifier: BSD-3-Clause
"""The search for the first bad revision: what it asks, skips, refuses, remembers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness import results
from harness.bisect import (
    BisectError,
    FileList,
    Found,
    Journal,
    Revision,
    Search,
    Trial,
    TrialSettings,
    Tried,
    WrongEnds,
    report_text,
)
from harness.bisect.journal import locked
from harness.errors import BuildError, ProvisionError

BAD = Tried("bad", "assert 1 == 2", "testcases/a.py::test_it", "the text", "/runs/a")
GOOD = Tried("good")
SKIP = Tried("skip", "does not build: error")


class Bench:
    """A list of files, one of which is the first bad one; some cannot be tested."""

    def __init__(self, folder: Path, count: int, first_bad: int, skip: set[int] | None = None):
        self.files = [folder / f"{number}.img" for number in range(count)]
        for number, path in enumerate(self.files):
            path.write_bytes(number.to_bytes(4))
        self.series = FileList(self.files)
        self.folder = folder
        self.first_bad, self.skip = first_bad, skip or set()
        self.asked: list[int] = []
        self.said: list[str] = []

    def trial(self, revision: Revision) -> Tried:
        number = int(Path(revision.key).stem)
        self.asked.append(number)
        if number in self.skip:
            return SKIP
        return BAD if number >= self.first_bad else GOOD

    def run(self, good: int = 0, bad: int = -1) -> Found:
        journal = Journal(self.folder, {"component": "rmm"})
        search = Search(self.series, self.trial, journal, self.said.append)
        return search.run(self.series.resolve(None, good), self.series.resolve(None, bad))


@pytest.mark.parametrize("count", [2, 3, 4, 7, 16])
def test_the_first_bad_one_is_found_wherever_it_is(tmp_path: Path, count: int) -> None:
    for first_bad in range(1, count):
        folder = tmp_path / str(first_bad)
        folder.mkdir()
        bench = Bench(folder, count, first_bad)
        found = bench.run()
        assert found.first_bad is not None
        assert Path(found.first_bad.key).stem == str(first_bad)
        assert found.runs == len(bench.asked) <= 2 + math.ceil(math.log2(count))


def test_what_cannot_be_tested_is_gone_round(tmp_path: Path) -> None:
    found = Bench(tmp_path, 9, first_bad=2, skip={4, 5}).run()
    assert found.first_bad is not None
    assert found.first_bad.title == "3: 2.img"
    assert [(str(one), why) for one, why in found.skipped] == [("5: 4.img", SKIP.reason)]


def test_skipped_ones_beside_the_first_bad_one_leave_several(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 9, first_bad=5, skip={3, 4})
    found = bench.run()
    assert found.first_bad is None
    assert {one.title for one in found.suspects} == {"4: 3.img", "5: 4.img", "6: 5.img"}
    text = report_text(found, bench.series)
    assert text.startswith("the first bad revision is one of these")
    assert "not tested:\n  " in text


def test_the_report_names_revision_test_and_folder(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 4, first_bad=2)
    text = report_text(bench.run(), bench.series)
    assert text.startswith("first bad revision: 3: 2.img\n")
    assert "failing test: testcases/a.py::test_it\n  the text\n" in text
    assert text.endswith("artefacts: /runs/a")


@pytest.mark.parametrize(
    ("first_bad", "skip", "message"),
    [
        (9, set[int](), "the bad revision is good: 4: 3.img passes"),
        (0, set[int](), "the good revision is bad: 1: 0.img fails testcases/a.py::test_it\nassert"),
        (2, {3}, "the bad revision cannot be tested: 4: 3.img: does not build: error"),
        (2, {0}, "the good revision cannot be tested: 1: 0.img: does not build: error"),
    ],
)
def test_wrong_ends_are_named(tmp_path: Path, first_bad: int, skip: set[int], message: str) -> None:
    with pytest.raises(WrongEnds) as caught:
        Bench(tmp_path, 4, first_bad, skip).run()
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    first = Bench(tmp_path, 16, first_bad=11)
    plain = first.trial

    def interrupted(revision: Revision) -> Tried:
        if len(first.asked) == 3:
            raise KeyboardInterrupt
        return plain(revision)

    first.trial = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = Bench(tmp_path, 16, first_bad=11)
    found = second.run()
    assert found.first_bad is not None
    assert found.first_bad.title == "12: 11.img"
    assert not set(first.asked) & set(second.asked)


def test_a_journal_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(BisectError, match=r"journal\.json cannot be read") as caught:
        Journal(tmp_path, {})
    assert "--afresh" in caught.value.hint


def test_a_journal_says_what_was_asked(tmp_path: Path) -> None:
    Journal(tmp_path, {"component": "rmm"}).put("a", BAD)
    data = json.loads((tmp_path / "journal.json").read_text())
    assert data["question"] == {"component": "rmm"}
    assert Journal(tmp_path, {}).get("a") == BAD


def test_two_of_the_same_bisection_do_not_run_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(BisectError, match="is running already"), locked(tmp_path):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    wanted = "runs/bisect/rmm cannot be written: Not a directory"
    with pytest.raises(BisectError, match=wanted), locked(tmp_path / "runs" / "bisect" / "rmm"):
        pass


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.img"], "needs two files or more"),
        (["a.img", "missing.img"], "there is no file"),
        (["a.img", "b.img", "a.img"], "named twice"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, names: list[str], message: str) -> None:
    for name in ("a.img", "b.img"):
        (tmp_path / name).touch()
    with pytest.raises(BisectError, match=message):
        FileList([tmp_path / name for name in names])


def test_files_are_named_by_name_path_or_number(tmp_path: Path) -> None:
    series = Bench(tmp_path, 3, 1).series
    second = series.resolve(None, 1)
    assert series.resolve("1.img", 0) == second
    assert series.resolve("2", 0) == second
    assert series.resolve(str(tmp_path / "1.img"), 0) == second
    with pytest.raises(BisectError, match="'x' is none of the files"):
        series.resolve("x", 0)


def test_files_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    series = Bench(tmp_path, 3, 1).series
    with pytest.raises(BisectError, match="does not stand before"):
        series.require_order(series.resolve("2", 0), series.resolve("1", 0))


def test_an_elf_beside_an_image_belongs_to_it(tmp_path: Path) -> None:
    series = Bench(tmp_path, 2, 1).series
    (tmp_path / "1.elf").touch()
    assert set(series.outputs(series.resolve("1", 0))) == {"image"}
    assert set(series.outputs(series.resolve("2", 0))) == {"image", "elf"}


class Given:
    """A source whose files are given, or that fails."""

    def __init__(self, outputs: Callable[[], Mapping[str, Path]]) -> None:
        self._outputs = outputs

    def outputs(self, revision: Revision) -> Mapping[str, Path]:
        return self._outputs()


def phase(
    outcome: str, when: str = "call", verdict: str = "", text: str = "E   what failed"
) -> results.Phase:
    return results.Phase("a.py::test_it", when, outcome, 0.1, 1.0, verdict=verdict, text=text)


class Judging:
    """A trial whose pytest is a list of phases."""

    def __init__(self, folder: Path, *, boot_is_test: bool = False) -> None:
        self.image = folder / "rmm.img"
        self.image.write_bytes(b"rmm")
        settings = TrialSettings(component="rmm", words=["-k", "x"], boot_is_test=boot_is_test)
        source = Given(lambda: {"image": self.image})
        self.trial = Trial(source, settings, Journal(folder, {}), folder)
        self.folder = folder

    def judge(self, status: int, *phases: results.Phase) -> Tried:
        book = results.Book(status=status)
        for one in phases:
            book.phases.setdefault(one.test, []).append(one)
        log = self.folder / "pytest.log"
        log.write_text("the log's end")
        return self.trial._judge(status, book, self.folder, log)


DONE = phase("passed", "teardown")


@pytest.mark.parametrize(
    ("failed", "state", "reason"),
    [
        (phase("failed", verdict="assertion"), "bad", "what failed"),
        (phase("failed", verdict="harness"), "bad", "what failed"),
        (phase("failed", text="E   harness.errors.AlarmRaised: x"), "bad", "AlarmRaised: x"),
        (phase("failed", verdict="stack"), "bad", "what failed"),
        (phase("failed", "setup", "harness"), "bad", "what failed"),
        (phase("failed", "setup", "stack", "no monitor\nx"), "skip", "does not boot: no monitor"),
        (phase("failed", verdict="lab"), "skip", "lab fault: what failed"),
    ],
)
def test_what_a_failure_says_of_a_revision(
    tmp_path: Path, failed: results.Phase, state: str, reason: str
) -> None:
    tried = Judging(tmp_path).judge(1, failed, DONE)
    assert (tried.state, tried.reason, tried.test) == (state, reason, "a.py::test_it")


def test_a_boot_may_be_the_test(tmp_path: Path) -> None:
    failed = phase("failed", "setup", "stack", "no monitor")
    assert Judging(tmp_path, boot_is_test=True).judge(2, failed, DONE).state == "bad"


def test_passed_is_good_and_skipped_says_nothing(tmp_path: Path) -> None:
    judging = Judging(tmp_path)
    assert judging.judge(0, phase("passed"), DONE).state == "good"
    skipped = judging.judge(0, phase("skipped", "setup", text="no realms"), DONE)
    assert (skipped.state, skipped.reason) == ("skip", "all tests skipped: no realms")


@pytest.mark.parametrize(
    ("status", "message"),
    [(5, "no test is selected by -k x"), (4, "pytest ended with status 4:\nthe log's end")],
)
def test_a_run_that_says_nothing_at_all_ends_the_search(
    tmp_path: Path, status: int, message: str
) -> None:
    with pytest.raises(BisectError) as caught:
        Judging(tmp_path).judge(status)
    assert caught.value.message == message


def failing(error: Exception) -> Callable[[], Mapping[str, Path]]:
    def outputs() -> Mapping[str, Path]:
        raise error

    return outputs


def test_a_revision_that_does_not_build_is_skipped(tmp_path: Path) -> None:
    source = Given(failing(BuildError("[rmm] make failed\nmain.c:3: error")))
    trial = Trial(source, TrialSettings(component="rmm", words=[]), Journal(tmp_path, {}), tmp_path)
    assert trial(Revision("a", "a")) == Tried("skip", "does not build: [rmm] make failed")


def test_a_missing_compiler_ends_the_search(tmp_path: Path) -> None:
    source = Given(failing(ProvisionError("no compiler")))
    trial = Trial(source, TrialSettings(component="rmm", words=[]), Journal(tmp_path, {}), tmp_path)
    with pytest.raises(ProvisionError):
        trial(Revision("a", "a"))


def test_the_same_files_are_tested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, {})
    image = tmp_path / "rmm.img"
    image.write_bytes(b"rmm")
    settings = TrialSettings(component="rmm", words=[])
    trial = Trial(Given(lambda: {"image": image}), settings, journal, tmp_path)
    runs: list[str] = []

    def run(revision: Revision, files: Mapping[str, Path]) -> Tried:
        runs.append(revision.key)
        return BAD

    monkeypatch.setattr(trial, "_run", run)
    for key in ("a", "b"):
        journal.put(key, trial(Revision(key, key)))
    assert runs == ["a"]
    second = journal.get("b")
    assert second is not None
    assert (second.state, second.test) == ("bad", BAD.test)
