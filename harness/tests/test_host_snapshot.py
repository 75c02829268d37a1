# SPDX-License-Identifier: BSD-3-Clause
"""What is done where a host's state cannot be written, taken or trusted."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.alarms import AlarmLog
from harness.errors import LaunchError, MachineDied
from harness.host import Host, snapshot
from harness.host.snapshot import SnapshotError, SnapshotHosts, restore, state_key
from harness.machine import Machine


@dataclass
class Stage:
    """Stands for QEMU: what was done, and what goes wrong."""

    done: list[str] = field(default_factory=list)
    save_fails: Exception | None = None
    restore_fails: Exception | None = None

    def save(self, _built: object, file: Path, _run_dir: Path, **_: object) -> None:
        self.done.append("save")
        if self.save_fails:
            raise self.save_fails
        file.write_bytes(b"state")

    def restore(self, *_: object, **__: object) -> SimpleNamespace:
        self.done.append("restore")
        if self.restore_fails:
            raise self.restore_fails
        return SimpleNamespace(machine=SimpleNamespace(), origin="snapshot")

    def boot(self, *_: object, **__: object) -> SimpleNamespace:
        self.done.append("boot")
        return SimpleNamespace(machine=SimpleNamespace(), origin="cold boot")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(snapshot, "save", stage.save)
    monkeypatch.setattr(snapshot, "restore", stage.restore)
    monkeypatch.setattr(Host, "boot", stage.boot)
    return stage


@pytest.fixture
def built(tmp_path: Path) -> Any:
    kernel = tmp_path / "Image"
    kernel.write_bytes(b"kernel")
    return SimpleNamespace(hash="h", images={"kernel": kernel})


Hosts = tuple[SnapshotHosts, list[str]]


@pytest.fixture
def hosts(built: Any, tmp_path: Path) -> Hosts:
    notes: list[str] = []
    return SnapshotHosts(built, tmp_path / "hosts", note=notes.append), notes


def test_the_first_host_leaves_the_state_for_all_others(
    hosts: Hosts, stage: Stage, tmp_path: Path
) -> None:
    assert [hosts[0].start(tmp_path / "run").origin for _ in range(2)] == ["snapshot"] * 2
    assert stage.done == ["save", "restore", "restore"]
    assert hosts[1] == []


def test_a_state_that_cannot_be_written_is_no_reason_to_fail(
    hosts: Hosts, stage: Stage, tmp_path: Path
) -> None:
    stage.save_fails = SnapshotError("QEMU could not write the host's state: no room")
    assert hosts[0].start(tmp_path / "run").origin == "cold boot"
    [note] = hosts[1]
    assert note.startswith("no snapshot of the host, a cold boot instead: ")
    assert "no room" in note


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(
    built: Any, stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    notes: list[str] = []
    hosts = SnapshotHosts(built, tmp_path / "file", note=notes.append)
    assert hosts.start(tmp_path / "run").origin == "cold boot"
    assert stage.done == ["boot"]
    assert "no state of a host can be kept in" in notes[0]


def test_a_state_that_cannot_be_removed_is_no_reason_to_fail(
    hosts: Hosts, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache may have become read-only since the state was written."""
    stage.restore_fails = SnapshotError("refused")
    opened = os.open

    def locked(path: Any, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".lock") and "restore" in stage.done:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", locked)
    assert hosts[0].start(tmp_path / "run").origin == "cold boot"
    assert "refused" in hosts[1][0]


def test_a_kernel_that_cannot_be_read_leaves_no_host(
    hosts: Hosts, stage: Stage, built: Any, tmp_path: Path
) -> None:
    """Its hash is asked for before a host is there that nobody would end."""
    hosts[0].start(tmp_path / "run")
    later = SnapshotHosts(built, tmp_path / "hosts")
    built.images["kernel"].unlink()
    stage.done.clear()
    with pytest.raises(FileNotFoundError):
        later.start(tmp_path / "run")
    assert stage.done == []


@pytest.mark.parametrize("problem", [SnapshotError("refused"), MachineDied("gone")])
def test_a_state_that_qemu_does_not_take_is_made_again_by_the_next(
    hosts: Hosts, stage: Stage, tmp_path: Path, problem: Exception
) -> None:
    stage.restore_fails = problem
    assert hosts[0].start(tmp_path / "run").origin == "cold boot"
    stage.restore_fails = None
    assert hosts[0].start(tmp_path / "run").origin == "snapshot"
    assert stage.done == ["save", "restore", "boot", "save", "restore"]


def test_a_host_that_does_not_boot_is_not_hidden(
    hosts: Hosts, stage: Stage, tmp_path: Path
) -> None:
    stage.save_fails = LaunchError("no QEMU")
    with pytest.raises(LaunchError, match="no QEMU"):
        hosts[0].start(tmp_path / "run")


def test_another_stack_has_another_state(built: Any) -> None:
    other = SimpleNamespace(**{**vars(built), "hash": "other"})
    assert state_key(built) != state_key(other)


class FakeMachine:
    """A machine whose QEMU answers queries about a migration."""

    def __init__(self, answers: Callable[[], dict[str, object]]) -> None:
        self._answers = answers
        self.alarms = AlarmLog()
        self.stopped = False

    def check(self) -> None:
        """It lives."""

    def qmp(self, command: str, **_: object) -> object:
        return self._answers() if command == "query-migrate" else {}

    def stop(self, soft_s: float) -> None:
        self.stopped = True


def test_a_refused_state_says_why_and_leaves_no_qemu(
    built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = FakeMachine(lambda: {"status": "failed", "error-desc": "Unknown savevm section"})
    monkeypatch.setattr(snapshot, "prepare_boot", lambda *_, **__: built)
    monkeypatch.setattr(Machine, "launch", lambda *_, **__: machine)
    with pytest.raises(SnapshotError, match="could not take the host's state: Unknown savevm"):
        restore(built, tmp_path / "state", tmp_path)
    assert machine.stopped
