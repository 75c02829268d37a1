# SPDX-License-Identifier: BSD-3-Clause
"""The cache: intact or rebuilt, one builder at a time, nothing half-made."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.stack import hashing
from harness.stack.cache import MANIFEST, Cache, cache_error, default_root
from harness.stack.hashing import FileHasher, tree_signature
from harness.tests.waiting import PATIENCE_S, until

BUILDER = """
import sys, time
from pathlib import Path
from harness.stack.cache import Cache
root, mark, go = map(Path, sys.argv[1:])
def fill(work):
    (work / "half").write_text("half")
    with mark.open("a") as file:
        file.write("built\\n")
    while not go.exists():
        time.sleep(0.01)
    (work / "out").write_text("whole")
    return {"image": "out"}
print(Cache(root).obtain("k", fill).outputs["image"].read_text())
"""


def builder(root: Path, mark: Path, go: Path) -> subprocess.Popen[str]:
    """A process that builds; it tells so in ``mark``, and ends when there is ``go``."""
    argv = [sys.executable, "-c", BUILDER, str(root), str(mark), str(go)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def write_out(work: Path) -> Mapping[str, str]:
    (work / "out").write_text("whole")
    return {"image": "out"}


def must_not_build(work: Path) -> Mapping[str, str]:
    raise AssertionError("built again")


def test_second_time_comes_from_the_cache(tmp_path: Path) -> None:
    first = Cache(tmp_path).obtain("k", write_out)
    second = Cache(tmp_path).obtain("k", must_not_build)
    assert first == second
    assert second.outputs["image"].read_text() == "whole"


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(work: Path) -> Mapping[str, str]:
        (work / "half").write_text("half")
        raise StackError("no")

    with pytest.raises(StackError):
        Cache(tmp_path).obtain("k", fail)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "entries").exists()


@pytest.mark.parametrize("damage", ["", "wholX", "longer than it was"])
def test_damaged_entry_is_built_again(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    cache.obtain("k", write_out).outputs["image"].write_text(damage)
    assert cache.find("k") is None
    assert cache.obtain("k", write_out).outputs["image"].read_text() == "whole"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"image": 3}', '{"image": {"file": "out"}}'])
def test_damaged_manifest_is_built_again(tmp_path: Path, text: str) -> None:
    cache = Cache(tmp_path)
    (cache.obtain("k", write_out).path / "manifest.json").write_text(text)
    assert cache.find("k") is None
    assert cache.obtain("k", write_out).outputs["image"].read_text() == "whole"


def test_concurrent_builders_build_once(tmp_path: Path) -> None:
    mark, go = tmp_path / "mark", tmp_path / "go"
    builders = [builder(tmp_path / "cache", mark, go) for _ in range(4)]
    until(mark.exists, "one builds")
    go.touch()
    assert [b.communicate(timeout=PATIENCE_S)[0] for b in builders] == ["whole\n"] * 4
    assert mark.read_text() == "built\n"


def test_killed_builder_leaves_nothing_behind(tmp_path: Path) -> None:
    mark, root = tmp_path / "mark", tmp_path / "cache"
    victim = builder(root, mark, tmp_path / "never")
    until(mark.exists, "it builds")
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=PATIENCE_S)
    assert len(list((root / "tmp").iterdir())) == 1
    assert Cache(root).obtain("k", write_out).outputs["image"].read_text() == "whole"
    assert list((root / "tmp").iterdir()) == []


def test_sweep_spares_the_living(tmp_path: Path) -> None:
    mark, root, go = tmp_path / "mark", tmp_path / "cache", tmp_path / "go"
    living = builder(root, mark, go)
    until(mark.exists, "it builds")
    dead = root / "tmp" / "other.x"
    dead.mkdir()
    Cache(root).obtain("another", write_out)
    assert not dead.exists()
    go.touch()
    assert living.communicate(timeout=PATIENCE_S)[0] == "whole\n"


def test_what_nobody_uses_any_more_is_removed(tmp_path: Path) -> None:
    """By the next build: old entries and logs go, those used since then stay."""
    cache = Cache(tmp_path)
    used, unused = (cache.obtain(key, write_out) for key in ("used", "unused"))
    log = cache.log_path("old")
    log.write_text("")
    for path in (used.path / MANIFEST, unused.path / MANIFEST, log):
        os.utime(path, (0, 0))
    assert cache.find("used") is not None
    cache.obtain("new", write_out)
    assert {path.name for path in (tmp_path / "entries").iterdir()} == {"used", "new"}
    assert not log.exists()


def test_an_entry_that_is_being_built_is_not_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entry = cache.obtain("key", write_out)
    os.utime(entry.path / MANIFEST, (0, 0))
    with cache.lock("key"):
        cache.prune(1)
    assert cache.find("key") is not None


def test_unwritable_cache_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError) as caught:
        Cache(tmp_path / "file" / "cache").obtain("k", write_out)
    text = str(caught.value)
    assert f"cache {tmp_path / 'file' / 'cache'} cannot be written: Not a directory" in text
    assert "hint: point CCA_CACHE to a folder that you may write" in text


def test_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    text = str(cache_error(tmp_path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")))
    assert f"cache {tmp_path} cannot be written: No space left on device (x)" in text
    assert "hint: free some space there, or point CCA_CACHE" in text


def test_default_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CCA_CACHE", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("CCA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "cca-harness"


def test_large_files_are_remembered_only_when_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "_RACY_NS", 3600 * 10**9)
    big = tmp_path / "big"
    big.write_bytes(bytes(5 << 20))
    hasher = FileHasher(tmp_path / "memo")
    fresh = hasher.file(big)
    assert not (tmp_path / "memo").exists(), "a file written just now may still change unseen"
    big.write_bytes(b"x" * (5 << 20))
    changed = hasher.file(big)
    assert changed != fresh
    monkeypatch.setattr(hashing, "_RACY_NS", -3600 * 10**9)
    assert hasher.file(big) == changed
    assert [memo.read_text() for memo in (tmp_path / "memo").iterdir()] == [changed]


def test_tree_signature_sees_content_names_and_not_git(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / ".git").mkdir()
    first = tree_signature(tmp_path)
    (tmp_path / ".git" / "index").write_text("x")
    assert tree_signature(tmp_path) == first
    (tmp_path / "a").write_text("22")
    second = tree_signature(tmp_path)
    (tmp_path / "b").write_text("")
    assert len({first, second, tree_signature(tmp_path)}) == 3


@pytest.mark.parametrize("name", ["my cache", "a:b", "a$b", "it's", "a\tb", "a#b"])
def test_folder_that_make_cannot_work_in_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="make cannot build where a folder's name has") as caught:
        Cache(tmp_path / name)
    assert caught.value.message.startswith(f"cache {tmp_path / name} cannot be used: ")
    assert caught.value.hint == "set CCA_CACHE to another folder, such as /var/tmp/cca-cache"


def test_folder_with_unusual_letters_is_a_cache(tmp_path: Path) -> None:
    assert Cache(tmp_path / "Größe-1.0_a+b,c=d@e~").obtain("k", write_out).key == "k"


def test_no_home_and_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("CCA_CACHE", "~nobody-of-this-name/cache")
    with pytest.raises(
        StackError, match=r"^no folder for the cache: .*\nhint: set HOME or CCA_CACHE$"
    ):
        default_root()
