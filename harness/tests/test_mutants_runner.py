# SPDX-License-Identifier: BSD-3-Clause
"""How faults are built and tests run for them: the real pieces, without a machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BuildError, HarnessError
from harness.mutants import Fault, PytestRunner, Run, plant, snapshot
from harness.mutants.runner import read_report
from harness.tests.waiting import PATIENCE_S, gone, until

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import json, os, sys, time
def row(**facts):
    with open(os.environ["CCA_OUTCOMES"], "a") as file:
        print(json.dumps(facts), file=file)
"""
STALE = """\
# area: stale
--- a/images/rmm/no.c
+++ b/images/rmm/no.c
@@ -1 +1 @@
-a
+b
"""


class Scripted(PytestRunner):
    """Runs Python instead of pytest; ``checkout`` has its text in ``script.py``."""

    def command(self, *_: object) -> list[str]:
        return [sys.executable, str(self.checkout / "script.py")]


def run(folder: Path, script: str, *tests: str, timeout_s: float = PATIENCE_S) -> Run:
    head = "import os, sys, json, time\n"
    head += (
        "def row(**row):\n    print(json.dumps(row), file=open(os.environ['CCA_OUTCOMES'], 'a'))\n"
    )
    (folder / "script.py").write_text(head + script)
    runner = Scripted(folder, 2, timeout_s)
    return runner(tests, (), folder / "work", without=())


def test_failures_come_with_their_text(tmp_path: Path) -> None:
    script = """
row(test="a", phase="setup", outcome="passed")
row(test="a", phase="call", outcome="failed", text="why")
row(test="a", phase="teardown", outcome="failed", text="later")
row(test="b", phase="setup", outcome="passed")
sys.exit(1)
"""
    seen = run(tmp_path, script)
    [failure] = seen.failures
    assert (failure.test, failure.phase, failure.text) == ("a", "call", "why")
    assert (seen.tests, seen.timed_out) == (2, False)


def test_time_that_runs_out_ends_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("draft", "w").write(str(child.pid))
os.rename("draft", "child")
time.sleep(600)
"""
    wait = subprocess.Popen.wait

    def begun(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        """The time counts from when it has a child, however slow the machine is."""
        if timeout is not None:
            until((tmp_path / "child").exists, "it has a child")
        return wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", begun)
    seen = run(tmp_path, script, timeout_s=0.1)
    assert seen.timed_out
    child = int((tmp_path / "child").read_text())
    # It has got its signal; when it is gone is the kernel's business.
    until(lambda: gone(child), f"process {child} ends")


@pytest.mark.parametrize("status", [1, 2, 3, 4])
def test_other_ends_are_errors_with_the_last_lines(tmp_path: Path, status: int) -> None:
    with pytest.raises(HarnessError, match=f"pytest ended with status {status}:\nINTERNAL"):
        run(tmp_path, f"print('INTERNAL', flush=True)\nsys.exit({status})", "testcases/rd")


def test_test_that_is_gone_is_no_error(tmp_path: Path) -> None:
    assert run(tmp_path, "sys.exit(4)", "testcases/rd/test_a.py::gone") == Run()


def test_report_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert read_report(tmp_path / "none") == Run()


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    runner = PytestRunner(ROOT, 2, 60)
    command = runner.command(["testcases/rd", "testcases/rec"], ["--set=a=b"], tmp_path, ["x"])
    words = " ".join(command)
    assert f"--runs={tmp_path / 'runs'}" in words
    assert "-p no:cacheprovider" in words
    assert "-n 2" in words
    assert words.endswith("--deselect=x -x testcases/rd testcases/rec")
    assert "-n 0" in " ".join(runner.command(["testcases/rd/test_a.py::test_b"], [], tmp_path, []))


def test_patch_that_does_not_fit_is_named(tmp_path: Path) -> None:
    patch = tmp_path / "stale.patch"
    patch.write_text(
        "# area: stale\n--- a/images/rmm/no.c\n+++ b/images/rmm/no.c\n@@ -1 +1 @@\n-a\n+b\n"
    )
    fault = Fault("stale", "area: stale", patch, ("images/rmm/no.c",))
    checkout = tmp_path / "checkout"
    (checkout / "images" / "rmm").mkdir(parents=True)
    with pytest.raises(BuildError, match="stale: the patch does not fit"):
        plant(fault, checkout, tmp_path / "work")


def test_outcome_lines_are_json(tmp_path: Path) -> None:
    report = tmp_path / "outcomes.jsonl"
    row = {"test": "a", "phase": "call", "outcome": "failed"}
    report.write_text(json.dumps(row) + "\n")
    [failure] = read_report(report).failures
    assert failure.text == ""


def test_tree_is_copied_and_goes_away(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("harness/cli/__pycache__/x.pyc", "images/rmm/a.c", "pyproject.toml", "runs/big"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    with snapshot(tree, tmp_path / "work") as copy:
        (tree / "images/rmm/a.c").write_text("edited meanwhile")
        assert (copy / "images/rmm/a.c").read_text() == "images/rmm/a.c"
        assert (copy / "pyproject.toml").is_file()
        assert not (copy / "runs").exists()
        assert not list(copy.rglob("*.pyc"))
    assert not copy.exists()
