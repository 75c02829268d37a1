# SPDX-License-Identifier: BSD-3-Clause
"""Planted faults: what is said of one that is caught, survives, hangs or does not apply."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from harness.cli import bench, main, mutants
from harness.errors import BuildError

FAILED = '{"test": "test_a.py::test_it", "phase": "call", "outcome": "failed", "duration_s": 1}\n'


@pytest.fixture(autouse=True)
def patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("caught", "hangs", "stale", "survives"):
        (tmp_path / f"{name}.patch").write_text(f"# concern of {name}\n--- a\n")
    monkeypatch.setattr(mutants, "_PATCHES", tmp_path)

    def build(patch: Path, folder: Path) -> tuple[Path, Path]:
        if patch.stem == "stale":
            raise BuildError("stale: patch failed with status 1", hint="apply")
        return folder / patch.stem, folder / "rmm.elf"

    def pytest_run(command: list[str], **settings: object) -> object:
        name = next(word for word in command if word.startswith("--set=rmm.image")).split("/")[-1]
        environment = settings["env"]
        assert isinstance(environment, dict)
        if name == "survives":
            return SimpleNamespace(returncode=0)
        Path(environment["CCA_OUTCOMES"]).write_text(FAILED)
        if name == "hangs":
            raise subprocess.TimeoutExpired(command, 600)
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(mutants, "_build", build)
    monkeypatch.setattr(subprocess, "run", pytest_run)


def test_every_fault_gets_a_verdict_and_none_ends_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["mutants", "--json", str(tmp_path / "out.json")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "caught                           test_a.py::test_it",
        "hangs                            test_a.py::test_it and 1 more",
        "stale                            NOT PLANTED",
        "survives                         SURVIVED",
        "2 of 4 faults caught",
        "not planted: stale: patch failed with status 1",
        "hint: apply",
        "survived: survives",
    ]
    rows = {row["name"]: row for row in json.loads((tmp_path / "out.json").read_text())}
    assert rows["hangs"]["caught_by"] == ["test_a.py::test_it", "no end after 600 s"]
    assert rows["stale"]["error"].startswith("stale: patch failed")
    assert rows["caught"]["concern"] == "concern of caught"


def test_all_caught_is_success() -> None:
    assert main.main(["mutants", "caught"]) == 0


def test_unknown_fault_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["mutants", "nonsense"]) == 2
    assert "no fault named nonsense\nhint: there are: caught, hangs" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["mutants", "bench"])
def test_place_of_the_results_is_looked_at_first(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: object) -> NoReturn:
        raise AssertionError("measured before looking")

    monkeypatch.setattr(bench, "run", measure)
    with pytest.raises(SystemExit):
        main.main([command, "--json", "/nowhere/out.json"])
    assert "argument --json: /nowhere/out.json cannot be written" in capsys.readouterr().err


def test_number_of_samples_is_above_0(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["bench", "--samples", "0"])
    assert "argument --samples: 0 is not a number above 0" in capsys.readouterr().err
