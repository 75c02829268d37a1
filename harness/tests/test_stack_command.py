# SPDX-License-Identifier: BSD-3-Clause
"""What a failed build command shows of its output."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BuildError
from harness.stack.command import run_logged


def shown_after(tmp_path: Path, output: str) -> list[str]:
    """The lines of the error that quote the output."""
    source = tmp_path / "output"
    source.write_text(output)
    with pytest.raises(BuildError) as caught:
        run_logged(
            ["sh", "-c", f"cat {source}; exit 1"], what="[x]", cwd=tmp_path, log=tmp_path / "log"
        )
    text = str(caught.value)
    assert text.startswith("[x]: build failed, exit status 1\n  command: sh -c ")
    assert text.endswith("\nhint: the first error in the log is usually the cause")
    return [line.removeprefix("  | ") for line in text.splitlines() if line.startswith("  | ")]


def numbered(first: int, last: int) -> list[str]:
    return [f"  CC      file{n}.c" for n in range(first, last + 1)]


def test_short_output_is_shown_as_it_is(tmp_path: Path) -> None:
    lines = [*numbered(1, 10), "a.c:7:1: error: no", "make: *** Error 1"]
    assert shown_after(tmp_path, "\n".join(lines)) == lines


def test_silence_is_said(tmp_path: Path) -> None:
    assert shown_after(tmp_path, "") == ["(no output)"]


def test_an_error_far_from_the_end_is_shown(tmp_path: Path) -> None:
    lines = [*numbered(1, 20), "a.c:7:1: error: no", *numbered(21, 60), "make: *** Error 1"]
    assert shown_after(tmp_path, "\n".join(lines)) == [
        "a.c:7:1: error: no",
        "…",
        *numbered(51, 60),
        "make: *** Error 1",
    ]


def test_the_first_errors_are_shown_and_the_last_lines(tmp_path: Path) -> None:
    errors = [f"a.c:{n}:1: error: no" for n in range(1, 41)]
    shown = shown_after(tmp_path, "\n".join([*numbered(1, 20), *errors]))
    assert shown == [*errors[:6], "…", *errors[-6:]]


def test_an_option_or_a_file_of_that_name_is_no_error(tmp_path: Path) -> None:
    lines = ["gcc -Werror -c error.c", "  CC      errors.c", *numbered(1, 20)]
    assert shown_after(tmp_path, "\n".join(lines)) == numbered(9, 20)


def test_long_lines_are_cut(tmp_path: Path) -> None:
    assert shown_after(tmp_path, f"{'x' * 200}\nfatal error: {'y' * 300}\n") == [
        "x" * 200,
        f"fatal error: {'y' * 186}…",
    ]
