# SPDX-License-Identifier: BSD-3-Clause
"""What is said of a test whose worker died: the machine that it used, whichever kind it was."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.artifacts import RunFolder
from harness.plugin.crashed import explain
from harness.plugin.session import CcaSession


def machine(folder: Path, console: str, *, made_at: int) -> None:
    folder.mkdir(parents=True)
    (folder / f"{console}.log").write_text(f"{folder.name} says this\n")
    os.utime(folder, (made_at, made_at))


@pytest.mark.parametrize(
    ("newest", "console"), [("boot-1", "ns"), ("boot-10", "ns"), ("host", "host")]
)
def test_machine_that_was_made_last(tmp_path: Path, newest: str, console: str) -> None:
    run = RunFolder.create(tmp_path)
    for name, kind in (("boot-1", "ns"), ("boot-9", "ns"), ("boot-10", "ns"), ("host", "host")):
        machine(run.path / "machines" / "gw0" / name, kind, made_at=2 if name == newest else 1)
    cca = SimpleNamespace(run=run, stack=SimpleNamespace(name="any"), reproduce=str)
    facts = explain(cast("CcaSession", cca), "test_any", "gw0")
    assert (facts["console"], facts["transcript"]) == (console, f"{newest} says this")


def test_worker_without_a_machine(tmp_path: Path) -> None:
    cca = SimpleNamespace(
        run=RunFolder.create(tmp_path), stack=SimpleNamespace(name="any"), reproduce=str
    )
    facts = explain(cast("CcaSession", cca), "test_any", "gw0")
    assert (facts["machine_folder"], facts["transcript"]) == ("", "")
