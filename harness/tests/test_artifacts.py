# SPDX-License-Identifier: BSD-3-Clause
"""Artefact folders: unique, safely named, written in one step."""

import json
import os
from pathlib import Path

import pytest

from harness.artifacts import (
    ArtifactError,
    Held,
    RunFolder,
    default_root,
    point,
    safe_name,
    take_lock,
    write_failure,
    write_text,
)


def test_runs_of_one_second_do_not_collide_and_latest_points_to_the_last(tmp_path: Path) -> None:
    first, second = RunFolder.create(tmp_path), RunFolder.create(tmp_path)
    assert first.path != second.path
    assert (tmp_path / "latest").resolve() == second.path.resolve()


def test_manifest_says_what_ran(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    run.note(stack="embedded", path=Path("/x"))
    manifest = json.loads((run.path / "run.json").read_text())
    assert manifest["stack"] == "embedded"
    assert manifest["path"] == "/x"
    assert manifest["command"]


def test_same_test_twice_gets_two_folders(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path)
    assert [run.test_folder("a").name, run.test_folder("a").name] == ["a", "a.2"]


@pytest.mark.parametrize("text", ["..", "", "/etc/passwd", "a/../b", "x" * 500, "ü€", ".hidden"])
def test_name_is_safe_whatever_the_test_is_called(text: str, tmp_path: Path) -> None:
    name = safe_name(text)
    assert "/" not in name
    assert not name.startswith(".")
    assert 0 < len(name) <= 100
    assert RunFolder.create(tmp_path).test_folder(text).parent.parent == tmp_path


def test_ids_that_differ_only_in_unsafe_characters_stay_apart() -> None:
    assert safe_name("t[a/b]") != safe_name("t[a:b]")
    assert safe_name("test_plain-1.0") == "test_plain-1.0"


def test_failure_is_json_even_with_odd_values(tmp_path: Path) -> None:
    path = write_failure(tmp_path, {"verdict": "stack", "seen": b"\xff", "text": "\udcff"})
    assert path == tmp_path / "failure.json"
    assert json.loads(path.read_text())["verdict"] == "stack"
    assert [p.name for p in tmp_path.iterdir()] == ["failure.json"]


def test_unwritable_place_names_it_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"cannot write the artefact .*file") as caught:
        RunFolder.create(tmp_path / "file")
    assert "--runs=DIR or CCA_RUNS" in caught.value.hint


def test_environment_chooses_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CCA_RUNS", str(tmp_path / "elsewhere"))
    assert default_root() == tmp_path / "elsewhere"
    monkeypatch.delenv("CCA_RUNS")
    assert default_root() == Path.cwd() / "runs"


def test_lock_names_its_holder_and_ends_when_it_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "new" / "lock"
    with take_lock(file), pytest.raises(Held) as caught:
        take_lock(file)
    assert caught.value.message == f"{file} is held by another process ({os.getpid()})"
    assert caught.value.holder == str(os.getpid())
    take_lock(file).close()


def test_draft_that_a_kill_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".page.draft").write_text("half of")
    write_text(tmp_path / "page", "a page", draft="draft")
    (tmp_path / ".latest.draft").symlink_to("nowhere")
    point(tmp_path / "latest", "page", draft="draft")
    assert (tmp_path / "latest").read_text() == "a page"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "page"]


def test_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path / "page", "a page")
    with pytest.raises(IsADirectoryError):
        point(tmp_path / "page", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["page"]
