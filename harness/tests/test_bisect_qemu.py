# SPDX-License-Identifier: BSD-3-Clause
"""``cca bisect`` from end to end: a planted fault in a history of the RMM, found by a test case."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.regress import CHECKOUT
from harness.errors import ProvisionError
from harness.stack import build_stack, load_stack
from harness.tests.test_bisect_git import Repo

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

TEST = "test_delegating_twice_does_not_count"
TESTS = str(CHECKOUT / "testcases" / "granules" / "test_granule_delegate.py")
FAULT = CHECKOUT / "testcases" / "mutants" / "delegate-twice.patch"


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    monkeypatch.setenv("CCA_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def report(tmp_path: Path) -> dict[str, str]:
    [file] = (tmp_path / "runs" / "bisect").glob("*/report.json")
    data: dict[str, str] = json.loads(file.read_text())
    return data


@pytest.fixture
def history(tmp_path: Path) -> Repo:
    """Seven revisions of the RMM: 3, in the middle, does not compile; 5 and 6 have a fault."""
    repo = Repo(tmp_path / "repo")
    for name in ("rmm", "common"):
        shutil.copytree(CHECKOUT / "images" / name, repo.path / "images" / name)
    main_c = repo.path / "images" / "rmm" / "main.c"
    whole = main_c.read_text()
    for number in (0, 1, 2):
        repo.commit(str(number))
    main_c.write_text(f"{whole}\nthis does not compile\n")
    repo.commit("3")
    main_c.write_text(whole)
    repo.commit("4")
    patch = ["patch", "-p1", "-s", "-i", str(FAULT)]
    subprocess.run(patch, cwd=repo.path, check=True)
    repo.commit("5")
    repo.commit("6")
    return repo


def test_a_fault_in_a_history_of_the_rmm_is_found(
    tmp_path: Path, history: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    before = history.state()
    words = ["bisect", "--component", "rmm", "--source", str(history.path)]
    words += ["--good", "HEAD~6", "--bad", "HEAD", "-k", TEST, TESTS]
    status = main.main(words)
    said = capsys.readouterr().out
    assert status == 0
    assert report(tmp_path)["first_bad"] == history.git("rev-parse", "HEAD~1")
    assert "not tested:" in said
    assert "does not build" in said
    assert TEST in report(tmp_path)["test"]
    assert (Path(report(tmp_path)["folder"]) / "failure.json").exists()
    assert history.state() == before


def test_a_fault_in_a_list_of_images_is_found(
    tmp_path: Path, history: Repo, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.stack import Cache, Progress
    from harness.stack.components import BuildContext, build_component

    rmm = load_stack("embedded").components["rmm"]
    images = []
    for number, back in enumerate((6, 4, 1, 0)):
        history.git("checkout", "-q", f"main~{back}")
        built = build_component(rmm, BuildContext(Cache(), Progress(), history.path))
        images.append(shutil.copy(built.outputs["image"], tmp_path / f"rmm-{number}.img"))
    words = ["bisect", "--component", "rmm", "-k", TEST, "--files", *map(str, images), "--", TESTS]
    assert main.main(words) == 0
    said = capsys.readouterr().out
    assert "first bad revision: 3: rmm-2.img" in said
    assert report(tmp_path)["first_bad"] == str(images[2])
