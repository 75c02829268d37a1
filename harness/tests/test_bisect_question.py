# SPDX-License-Identifier: BSD-3-Clause
"""``cca bisect`` answers the question it is asked: what changed since another run is run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.bisect import Revision, Trial, Tried
from harness.cli import main
from harness.stack.hashing import FileHasher
from harness.tests.stack_fakes import write_stack


class Bench:
    """Four images with a number each; those from ``first_bad`` on are bad."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = [folder / f"{number}.img" for number in range(4)]
        self.fill(0, 1, 2, 3)
        self.stack = write_stack(folder / "stack")
        self.runs: list[str] = []
        self.outcome: Callable[[int], Tried] = lambda n: (
            Tried("good") if n < 2 else Tried("bad", "what failed", "a.py::test_it")
        )

    def fill(self, *numbers: int) -> None:
        """Other contents under the same paths."""
        for image, number in zip(self.images, numbers, strict=True):
            image.write_bytes(bytes([number]))

    def run(self, _trial: Trial, revision: Revision, files: Mapping[str, Path]) -> Tried:
        """In place of pytest."""
        self.runs.append(revision.title)
        return self.outcome(files["image"].read_bytes()[0])

    def bisect(self, *words: str) -> list[str]:
        """Titles of the revisions that a bisection ran."""
        self.runs.clear()
        files = map(str, self.images)
        stack = ["--stack", str(self.stack)]
        assert main.main(
            ["bisect", *stack, "--component", "rmm", "-k", "x", *words, "--files", *files]
        ) in (0, 1)
        return list(self.runs)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setenv("CCA_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(Trial, "_run", lambda *all_of_it: made.run(*all_of_it))
    return made


def test_the_same_question_is_answered_from_the_journal(bench: Bench) -> None:
    assert len(bench.bisect()) == 4
    assert bench.bisect() == []


def test_more_repeats_are_run(bench: Bench) -> None:
    bench.bisect()
    assert bench.bisect("--repeat", "5").count("2: 1.img") == 5


@pytest.mark.parametrize("words", [["--boot-is-test"], ["--timeout", "7"]])
def test_what_was_skipped_is_tried_again_in_another_way(bench: Bench, words: list[str]) -> None:
    plain = bench.outcome
    bench.outcome = lambda n: Tried("skip", "no end within 1800 s") if n == 1 else plain(n)
    bench.bisect()
    bench.outcome = plain
    assert "2: 1.img" in bench.bisect(*words)


def test_other_images_under_the_same_paths_are_run(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.bisect()
    bench.fill(0, 9, 8, 3)
    assert bench.bisect() == ["4: 3.img", "1: 0.img", "2: 1.img"]
    assert "first bad revision: 2: 1.img" in capsys.readouterr().out


def test_an_elf_beside_an_image_is_a_part_of_it(bench: Bench) -> None:
    bench.bisect()
    (bench.folder / "1.elf").write_bytes(b"names")
    assert "2: 1.img" in bench.bisect()


def test_another_stack_under_the_same_path_is_run(bench: Bench) -> None:
    bench.bisect()
    bench.stack.write_text(bench.stack.read_text().replace("cpus = 2", "cpus = 4"))
    assert len(bench.bisect()) == 4


def test_another_prebuilt_file_of_the_stack_is_run(bench: Bench) -> None:
    bench.bisect()
    (bench.stack.parent / "fip.bin").write_bytes(b"another one")
    assert len(bench.bisect()) == 4


def test_a_file_that_cannot_be_read_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_hasher: FileHasher, path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(FileHasher, "file", refuse)
    files = map(str, bench.images)
    assert main.main(["bisect", "--component", "rmm", "-k", "x", "--files", *files]) == 2
    assert f"{bench.images[0]} cannot be read: Permission denied" in capsys.readouterr().err
