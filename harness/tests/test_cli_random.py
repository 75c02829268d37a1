# SPDX-License-Identifier: BSD-3-Clause
"""``cca random`` and ``cca replay``: a fault of the RMM becomes a short script that shows it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.cli import main
from harness.errors import StackError
from harness.mutants import load_faults, plant
from harness.oracle import Machines
from harness.stack import BuiltStack

CHECKOUT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((CHECKOUT / "testcases" / "random" / "scripts").glob("*.txt"))
MOST_STEPS = 12

qemu = pytest.mark.qemu


def with_fault(name: str, folder: Path) -> list[str]:
    """Options of a stack whose RMM has a planted fault."""
    [fault] = load_faults(CHECKOUT / "testcases" / "mutants", [name])
    return plant(fault, CHECKOUT, folder).settings()


@qemu
def test_walk_without_a_disagreement_says_how_far_it_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["random", "--seed=7", "--steps=300"]) == 0
    assert "seed 7: no disagreement in " in capsys.readouterr().out


@qemu
def test_fault_becomes_a_short_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found at random, made short, saved; the script shows the fault, and only the fault."""
    script, fault = tmp_path / "found.txt", with_fault("rtt-level", tmp_path)
    assert main.main(["random", "--seed=1", f"--save={script}", *fault]) == 1
    steps = [line for line in script.read_text().splitlines() if line.strip()[0].isdigit()]
    assert len(steps) <= MOST_STEPS
    capsys.readouterr()
    assert main.main(["replay", str(script), *fault]) == 1
    assert capsys.readouterr().out == f"embedded and the model part:\n{script.read_text()}"
    assert main.main(["replay", str(script)]) == 0
    assert f"agree in all {len(steps)} steps" in capsys.readouterr().out


@qemu
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_kept_script_shows_its_fault(
    script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named after the fault that it was found with."""
    assert main.main(["replay", str(script), *with_fault(script.stem, tmp_path)]) == 1
    last = script.read_text().splitlines()[-1].split()[0]
    assert f"# step {last}: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("has", "lacks"), [(("host",), "no [rmm] and no [realm]"), (("rmm", "realm"), "no [host]")]
)
def test_stack_without_realms(tmp_path: Path, has: tuple[str, ...], lacks: str) -> None:
    built = SimpleNamespace(name="own", images=dict.fromkeys(has, tmp_path))
    with pytest.raises(
        StackError, match=rf"stack own has no realms .*: it has {re.escape(lacks)}\nhint: take a"
    ):
        Machines(cast("BuiltStack", built), tmp_path, None)


def test_script_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "none.txt"
    assert main.main(["replay", str(script)]) == 2
    assert capsys.readouterr().err == (
        f"cca: error: {script} cannot be read: No such file or directory\n"
    )
    script.write_bytes(b"\xff")
    assert main.main(["replay", str(script)]) == 2
    assert capsys.readouterr().err == f"cca: error: {script} cannot be read: it is not text\n"


@qemu
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# why\n\nWAKE on=1\n", "line 3: a script begins with its scene, not with 'WAKE on=1'"),
        ("", "line 1: a script begins with its scene, not with ''"),
        ("scene house\n", "line 1: there is no scene 'house'\nhint: there are nothing, "),
        (
            "scene nothing\n# then\n  1 RMI_GRANULE_DELEGATE adr=g1\n",
            "line 3: this line is no step: 'RMI_GRANULE_DELEGATE adr=g1': no input 'adr', it has",
        ),
        ("scene nothing\nPEEK addr=q1\n", "line 2: 'q1' is no number and names no memory"),
    ],
)
def test_text_that_is_no_script_is_one_error_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    script = tmp_path / "script.txt"
    script.write_text(text)
    assert main.main(["replay", str(script)]) == 2
    assert f"cca: error: {script}: {says}" in capsys.readouterr().err
