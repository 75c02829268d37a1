# SPDX-License-Identifier: BSD-3-Clause
"""What $CCA_RESULTS gets, how it is read again, and the options of those who run tests again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import results
from harness.results import Phase, append, append_phase, read
from harness.tests.test_plugin_session import Inner, inner

pytest_plugins = ["pytester"]
__all__ = ["inner"]

TESTS = """
import pytest

def test_passes(rmi): pass

def test_fails(rmi): assert 1 == 2

@pytest.mark.requires("attestation")
def test_lacks(rmi): pass

@pytest.mark.xfail(reason="not yet")
def test_expected(): assert 0

@pytest.fixture
def broken():
    yield
    assert 3 == 4

def test_torn(broken): pass
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(results.FILE_VARIABLE, str(tmp_path / "results.jsonl"))
    return tmp_path / "results.jsonl"


def names(tests: list[str]) -> list[str]:
    return [test.rpartition("::")[2] for test in tests]


def test_every_test_is_in_the_results_with_what_it_said(inner: Inner, file: Path) -> None:
    inner.run(TESTS)
    book = read([file])
    found = {names([test])[0]: result for test, result in book.results().items()}
    assert {name: result.outcome for name, result in found.items()} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_lacks": "skipped",
        "test_expected": "xfailed",
        "test_torn": "failed",
    }
    assert names(book.planned) == list(found)
    assert book.unfinished() == []
    assert book.status == 1
    assert len(book.stack["hash"]) > 12
    failure = found["test_fails"].decided_by
    assert (failure.verdict, failure.phase) == ("assertion", "call")
    assert "assert 1 == 2" in failure.text
    assert "again:     scripts/regress" in failure.text
    assert Path(failure.folder, "failure.json").exists()
    assert failure.load["cpus"] > 0
    assert found["test_torn"].decided_by.phase == "teardown"
    assert found["test_lacks"].decided_by.text.startswith("not on this stack: fake has no cap")
    assert found["test_expected"].decided_by.text == "not yet"


def test_run_that_goes_on_leaves_out_what_has_ended(inner: Inner, file: Path) -> None:
    inner.run(TESTS, "-k", "passes or fails")
    first = file.rename(file.with_name("first.jsonl"))
    result = inner.run(TESTS, f"--continue-from={first}")
    result.assert_outcomes(skipped=1, xfailed=1, passed=1, errors=1, deselected=2)
    assert names(read([file]).planned) == ["test_lacks", "test_expected", "test_torn"]
    assert len(read([first, file]).results()) == 5


def test_fresh_machine_is_one_for_each_test(inner: Inner) -> None:
    source = "def test_a(rmi): pass\ndef test_b(rmi): pass\n"
    assert inner.run(source).ret == 0
    assert len(inner.machines.booted) == 1
    assert inner.run(source, "--fresh-machine").ret == 0
    assert len(inner.machines.booted) == 3


def test_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    append(file, "planned", tests=["a", "b"])
    for phase in ("setup", "call", "teardown"):
        append_phase(file, Phase("a", phase, "passed", 0.5, 1.0))
    append(file, "start", test="b", time_s=2.0)
    with file.open("a") as text:
        text.write('{"event": "phase", "test": "b", "ph')
    book = read([file])
    assert list(book.results()) == ["a"]
    assert book.results()["a"].duration_s == 1.5
    assert book.unfinished() == ["b"]
    assert book.status is None


def test_test_that_was_begun_again_counts_as_the_later_run(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    append_phase(first, Phase("a", "call", "failed", 0.5, 1.0))
    append_phase(first, Phase("a", "teardown", "passed", 0.5, 1.0))
    append(second, "start", test="a", time_s=2.0)
    append_phase(second, Phase("a", "teardown", "passed", 0.5, 2.0))
    assert read([first, second]).results()["a"].outcome == "passed"


def test_worker_that_died_is_an_end(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    append_phase(file, Phase("a", results.CRASHED, "failed", 0.0, 1.0, verdict="lab"))
    assert read([file]).results()["a"].failed
    assert read([tmp_path / "none"]).results() == {}
