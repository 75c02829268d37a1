# SPDX-License-Identifier: BSD-3-Clause
"""The files of a nightly: history, CI definitions; what is kept, what is published."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.deadline import Deadline
from harness.nightly import tidy
from harness.nightly.config import NightlyError
from harness.nightly.history import History
from harness.nightly.locks import locked, opening
from harness.tests.night_story import make_history, night_name

ROOT = Path(__file__).resolve().parents[2]
CACHE = re.escape('CCA_CACHE="$GITHUB_WORKSPACE/.cache" ')


def test_damaged_history_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite"
    file.write_bytes(b"this is not a database" * 100)
    with pytest.raises(NightlyError, match="cannot be used: file is not a database"):
        History(file)


def test_history_survives_a_writer_that_is_cut_off(tmp_path: Path) -> None:
    """What was not committed is not there, what was is."""
    make_history(tmp_path, nights=1).close()
    file = tmp_path / "history.sqlite"
    cut_off = (
        "import os, signal, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA cache_size = 1'); db.execute('BEGIN IMMEDIATE');"
        "db.execute('DELETE FROM result'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", cut_off, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    history = History(file)
    history.check()
    assert len(history.results(night_name(0))) == 160


def test_history_is_opened_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first makes the tables; a second that opens the file meanwhile waits for them."""
    file, tried = tmp_path / "history.sqlite", []
    migrate = History._migrate
    message = f"process {os.getpid()} has been opening {file} for 0 s\nhint: look what"

    def locked_out(history: History) -> None:
        with pytest.raises(NightlyError, match=message), opening(file, Deadline.after(0)):
            pass
        tried.append(history.file)
        migrate(history)

    monkeypatch.setattr(History, "_migrate", locked_out)
    for _ in range(2):
        History(file).close()
    assert len(tried) == 2


def test_history_that_another_process_opens_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, waits = tmp_path / "history.sqlite", []

    def other_has_done(wait_s: float) -> None:
        waits.append(wait_s)
        held.close()

    monkeypatch.setattr("harness.nightly.locks.time", SimpleNamespace(sleep=other_has_done))
    with ExitStack() as held:
        held.enter_context(opening(file, Deadline.after(0)))
        History(file).close()
    assert len(waits) == 1


def test_night_that_runs_keeps_nobody_from_its_history(tmp_path: Path) -> None:
    with locked(tmp_path):
        History(tmp_path / "history.sqlite").close()


def test_night_that_is_not_there_is_an_error_with_those_that_are(tmp_path: Path) -> None:
    history = make_history(tmp_path, nights=2)
    with pytest.raises(NightlyError, match=r"no night x in .*; the last are: 20261002-0100, 2026"):
        history.night("x")


def recorded(run: Path, failure: dict[str, object], *recordings: Path) -> None:
    """Recordings of a hundred bytes, and one failure in the run."""
    for file in recordings:
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(100))
    (run / "t").mkdir()
    (run / "t" / "failure.json").write_text(json.dumps(failure))


def test_recordings_of_failures_are_kept_and_others_go(tmp_path: Path) -> None:
    needed, other = tmp_path / "m/1/calls.tap", tmp_path / "m/2/calls.tap"
    recorded(tmp_path, {"recording": {"file": str(needed)}}, needed, other)
    assert tidy.recordings(tmp_path) == 100
    assert needed.exists()
    assert not other.exists()


def test_recordings_of_a_machine_whose_worker_died_are_kept(tmp_path: Path) -> None:
    needed, other = tmp_path / "m/boot-1/calls.tap", tmp_path / "m/boot-2/calls.tap"
    recorded(tmp_path, {"machine_folder": str(needed.parent)}, needed, other)
    (tmp_path / "t" / "machine").symlink_to(needed.parent)
    assert tidy.recordings(tmp_path) == 100
    assert needed.exists()
    assert not other.exists()


def test_old_nights_keep_their_reports_only(tmp_path: Path) -> None:
    history = make_history(tmp_path, nights=3)
    for number in range(3):
        folder = tmp_path / night_name(number)
        (folder / "report.html").write_text("page")
        (folder / "coverage.html").write_text("page")
        (folder / "cells").mkdir()
    assert tidy.old_nights(tmp_path, history, keep=2) == [night_name(0)]
    left = {path.name for path in (tmp_path / night_name(0)).iterdir()}
    assert left == {"report.html", "coverage.html"}
    assert (tmp_path / night_name(1) / "cells").is_dir()


def test_old_night_that_cannot_be_cleared_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = make_history(tmp_path, nights=2)
    file = tmp_path / night_name(0) / "file"
    file.touch()

    def refuse(_path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(NightlyError, match=r"/file cannot be written: Read-only file system\nhint"):
        tidy.old_nights(tmp_path, history, keep=1)


def test_published_night_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "night.json").write_text(name)
        tidy.publish(tmp_path / name, tmp_path / "night")
    assert (tmp_path / "night" / "night.json").read_text() == "b"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "night"]
    (tmp_path / "home").mkdir()
    with pytest.raises(NightlyError, match="home is there already and is not a night"):
        tidy.publish(tmp_path / "a", tmp_path / "home")


def test_published_night_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "night.json").write_text(name)
    target = tmp_path / "night"
    target.symlink_to("a")
    for _ in range(2):
        tidy.publish(tmp_path / "b", target)
    assert (target / "night.json").read_text() == "b"
    assert not target.is_symlink()
    assert (tmp_path / "a" / "night.json").read_text() == "a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "night"]
    lost = tmp_path / "lost"
    lost.symlink_to("gone")
    with pytest.raises(NightlyError, match="lost is there already and is not a night"):
        tidy.publish(tmp_path / "b", lost)


def test_file_that_lies_where_a_night_is_drafted_stops_no_publishing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "night.json").touch()
    (tmp_path / ".night.draft").touch()
    tidy.publish(tmp_path / "a", tmp_path / "night")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "night"]


@pytest.mark.parametrize(
    ("step", "time"), [("copytree", 1), ("rename", 1), ("rename", 2), ("rmtree", 1)]
)
def test_publishing_that_is_killed_stops_no_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, time: int
) -> None:
    night, target = tmp_path / "n", tmp_path / "night"
    (night / "cells").mkdir(parents=True)
    (night / "night.json").write_text("{}")
    tidy.publish(night, target)
    where = Path if step == "rename" else shutil
    whole, calls = getattr(where, step), []

    def cut_off(*words: Path, **options: object) -> object:
        calls.append(words)
        if len(calls) < time:
            return whole(*words, **options)
        if step == "copytree":
            words[1].mkdir()
        if step == "rmtree":
            (words[0] / "night.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(where, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            tidy.publish(night, target)
    tidy.publish(night, target)
    assert (target / "night.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["n", "night"]


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_definitions_only_call_scripts(name: str) -> None:
    text = (ROOT / "ci" / name).read_text()
    called = re.findall(rf"^ *- (?:run: )?(?:{CACHE})?((?:ci|scripts)/\S+.*)$", text, re.MULTILINE)
    assert {line.split()[0] for line in called} == {"scripts/check", "ci/nightly"}
    assert all((ROOT / line.split()[0]).stat().st_mode & 0o111 for line in called)
    runs = re.findall(rf"- run: (?:{CACHE})?(\S+)", text)
    assert set(runs) <= {"scripts/check", "ci/nightly"}


def test_cache_of_a_github_job_is_where_its_container_sees_it() -> None:
    text = (ROOT / "ci" / "github-actions.yml").read_text()
    assert text.count("- run: ") == len(re.findall(f"- run: {CACHE}", text)) == 2
