# SPDX-License-Identifier: BSD-3-Clause
"""Archives of root file systems: what is in them, and that they are always the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.stack.cpio import Archive


def filled() -> Archive:
    archive = Archive()
    archive.file("/etc/motd", b"hello", 0o640)
    archive.directory("/tmp", 0o1777)
    archive.link("/bin/sh", "busybox")
    return archive


def test_parents_are_there_before_what_lies_in_them() -> None:
    assert filled().paths == ["/bin", "/bin/sh", "/etc", "/etc/motd", "/tmp"]


def test_the_order_of_adding_does_not_matter() -> None:
    other = Archive()
    other.link("/bin/sh", "busybox")
    other.directory("/tmp", 0o1777)
    other.file("/etc/motd", b"hello", 0o640)
    assert other.pack() == filled().pack()


def test_another_archive_may_follow_on_a_page_of_its_own() -> None:
    assert len(filled().pack()) % 4096 == 0


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_reads_it(tmp_path: Path) -> None:
    words = ["cpio", "-i", "-v", "-t", "--numeric-uid-gid"]
    done = subprocess.run(words, input=filled().pack(), capture_output=True, check=True)
    rows = {line.split()[-1]: line.split() for line in done.stdout.decode().splitlines()}
    assert rows["etc/motd"][0] == "-rw-r-----"
    assert rows["etc/motd"][2:5] == ["0", "0", "5"]
    assert rows["tmp"][0] == "drwxrwxrwt"
    assert rows["busybox"][0] == "lrwxrwxrwx"


def test_a_file_below_a_link_is_refused() -> None:
    archive = filled()
    with pytest.raises(StackError, match="cannot be put below /bin/sh, which is no folder"):
        archive.file("/bin/sh/x", b"")


@pytest.mark.parametrize("path", ["etc/motd", "/../etc", "/"])
def test_a_path_that_leaves_the_root_is_refused(path: str) -> None:
    with pytest.raises(StackError, match="is no absolute path below /"):
        Archive().file(path, b"")
