# SPDX-License-Identifier: BSD-3-Clause
"""``--recordings``: which file is kept, and when in a test's life."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.plugin import recordings
from harness.plugin.fixtures import RUNNING
from harness.plugin.keeper import Running
from harness.plugin.session import SESSION


class Keeper:
    """Counts machines that were stopped; stopping completes the recording."""

    def __init__(self, tap: Path) -> None:
        self.tap = tap
        self.retired = 0

    def retire(self) -> None:
        self.retired += 1
        self.tap.write_bytes(b"whole")


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    tap = tmp_path / "calls.tap"
    tap.write_bytes(b"so far")
    return Keeper(tap)


def item(keeper: Keeper, folder: Path | None, *broken: str, ran: bool = True) -> pytest.Item:
    marks = [pytest.mark.violates(*broken).mark] if broken else []
    stash = pytest.Stash()
    if ran:
        machine = SimpleNamespace(tap_file=keeper.tap)
        stash[RUNNING] = cast("Running", SimpleNamespace(machine=machine))
    if folder is not None:
        folder.mkdir()
    options = {"cca_recordings": folder}
    config = SimpleNamespace(getoption=options.__getitem__, stash=pytest.Stash())
    config.stash[SESSION] = SimpleNamespace(keeper=keeper)
    made = SimpleNamespace(
        name="test_one_thing[a]", stash=stash, config=config, iter_markers=lambda _name: marks
    )
    return cast("pytest.Item", made)


def run(item: pytest.Item, *, fails: bool = False) -> None:
    """The test's call, then its teardown."""
    for hook in (recordings.pytest_runtest_call, recordings.pytest_runtest_teardown):
        wrapper: Iterator[None] = hook(item)
        next(wrapper)
        with pytest.raises((StopIteration, ValueError)):
            wrapper.throw(ValueError()) if fails else next(wrapper)  # type: ignore[attr-defined]


def kept(folder: Path) -> bytes:
    [file] = folder.iterdir()
    assert file.name == "one_thing[a].tap.gz"
    return gzip.decompress(file.read_bytes())


@pytest.mark.parametrize("fails", [False, True])
def test_the_whole_recording_of_a_machine_of_its_own(
    keeper: Keeper, tmp_path: Path, fails: bool
) -> None:
    run(item(keeper, tmp_path / "kept", "one-pe"), fails=fails)
    assert kept(tmp_path / "kept") == b"whole"
    assert keeper.retired == 1


def test_a_leak_is_recorded_before_it_is_mended(keeper: Keeper, tmp_path: Path) -> None:
    run(item(keeper, tmp_path / "kept", "leaks"))
    assert kept(tmp_path / "kept") == b"so far"
    assert keeper.retired == 1


def test_without_the_option_machines_go_on(keeper: Keeper, tmp_path: Path) -> None:
    run(item(keeper, None, "leaks"))
    assert keeper.retired == 0
    assert [path.name for path in tmp_path.iterdir()] == ["calls.tap"]


def test_a_test_without_a_machine_leaves_nothing(keeper: Keeper, tmp_path: Path) -> None:
    run(item(keeper, tmp_path / "kept", "leaks", ran=False))
    assert keeper.retired == 0
    assert not list((tmp_path / "kept").iterdir())


def configure(folder: Path, **more: object) -> None:
    config = SimpleNamespace(getoption={"cca_recordings": folder}.__getitem__, **more)
    recordings.pytest_configure(cast("pytest.Config", config))


def test_the_folder_is_made_before_any_test(tmp_path: Path) -> None:
    configure(tmp_path / "a" / "kept")
    configure(tmp_path / "a" / "kept")
    assert (tmp_path / "a" / "kept").is_dir()


def test_a_worker_leaves_the_folder_to_the_others(tmp_path: Path) -> None:
    configure(tmp_path / "kept", workerinput={})
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_cannot_be_made_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(pytest.UsageError, match=r"^--recordings .*/file/x: Not a directory$"):
        configure(tmp_path / "file" / "x")


def test_a_folder_that_cannot_be_written_is_refused_at_once() -> None:
    with pytest.raises(pytest.UsageError, match=r"^--recordings /proc/1: Permission denied$"):
        configure(Path("/proc/1"))


def test_tests_of_one_name_do_not_overwrite_each_other(keeper: Keeper, tmp_path: Path) -> None:
    twins = [item(keeper, None), item(keeper, None)]
    for number, twin in enumerate(twins):
        twin.nodeid = f"testcases/test_{number}.py::test_one_thing[a]"  # type: ignore[misc]
        twin.config.getoption = {"cca_recordings": tmp_path}.__getitem__  # type: ignore[assignment]
    recordings.pytest_collection_modifyitems(twins)
    for twin in twins:
        run(twin)
    names = sorted(path.name for path in tmp_path.glob("*.gz"))
    assert [name[:22] for name in names] == ["testcases-test_0.py-te", "testcases-test_1.py-te"]
