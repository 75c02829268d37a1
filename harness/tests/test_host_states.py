# SPDX-License-Identifier: BSD-3-Clause
"""The store of machine states: kept once, verified, rebuilt, bounded."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import MachineError
from harness.host.states import KEPT, StateStore, StoreError

_HOLE_BYTES = 1 << 20


def writing(data: bytes, calls: list[str] | None = None) -> Callable[[Path], None]:
    def make(file: Path) -> None:
        with file.open("wb") as target:
            target.seek(_HOLE_BYTES)
            target.write(data)
            target.truncate(4 * _HOLE_BYTES)
        if calls is not None:
            calls.append("made")

    return make


def test_a_state_is_made_once(tmp_path: Path) -> None:
    calls: list[str] = []
    first = StateStore(tmp_path).obtain("k", writing(b"x", calls))
    assert StateStore(tmp_path).obtain("k", writing(b"y", calls)) == first
    assert calls == ["made"]


def test_two_at_once_make_one(tmp_path: Path) -> None:
    calls: list[str] = []
    threads = [
        threading.Thread(target=StateStore(tmp_path).obtain, args=("k", writing(b"x", calls)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == ["made"]


def cut(state: Path) -> None:
    os.truncate(state, 2 * _HOLE_BYTES)


def flip(state: Path) -> None:
    with state.open("r+b") as file:
        file.seek(_HOLE_BYTES)
        file.write(b"z")


def fill_hole(state: Path) -> None:
    with state.open("r+b") as file:
        file.seek(3 * _HOLE_BYTES)
        file.write(b"z")


@pytest.mark.parametrize("damage", [cut, flip, fill_hole])
def test_a_damaged_state_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    state = StateStore(tmp_path).obtain("k", writing(b"x"))
    damage(state)
    assert StateStore(tmp_path).find("k") is None
    again = StateStore(tmp_path).obtain("k", writing(b"x"))
    assert StateStore(tmp_path).find("k") == again


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(file: Path) -> None:
        file.write_bytes(b"half")
        raise MachineError("the host did not come up")

    with pytest.raises(MachineError, match="did not come up"):
        StateStore(tmp_path).obtain("k", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["k.lock"]


def test_old_states_go(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    for number in range(KEPT + 2):
        store.obtain(f"k{number}", writing(b"x"))
        os.utime(tmp_path / f"k{number}" / "complete.json", (number, number))
    kept = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert len(kept) == KEPT
    assert f"k{KEPT + 1}" in kept


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no state of a host can be kept in "):
        StateStore(tmp_path / "file").obtain("k", writing(b"x"))


def test_what_the_maker_cannot_write_is_not_the_stores_fault(tmp_path: Path) -> None:
    def fail(_file: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/runs/host.dtb")

    with pytest.raises(OSError, match=r"No space left on device: '/runs/host.dtb'"):
        StateStore(tmp_path).obtain("k", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["k.lock"]


def test_what_a_killed_maker_left_goes(tmp_path: Path) -> None:
    """A state is hundreds of megabytes, and its key may never be asked for again."""
    for key in ("killed", "working"):
        (tmp_path / f"{key}.new").mkdir()
        (tmp_path / f"{key}.new" / "state").write_bytes(b"half")
    with (tmp_path / "working.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        StateStore(tmp_path).obtain("k", writing(b"x"))
    assert [path.name for path in tmp_path.glob("*.new")] == ["working.new"]
