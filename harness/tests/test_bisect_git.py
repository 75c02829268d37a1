# SPDX-License-Identifier: BSD-3-Clause
"""Bisecting a git history: revisions, the worktree, builds of a user's own source tree."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bisect import (
    BisectError,
    GitHistory,
    GitSource,
    Journal,
    Revision,
    Search,
    Tried,
    Worktree,
    component_of,
)
from harness.bisect.sources import default_tree
from harness.errors import BuildError
from harness.stack import Cache, Progress, load_stack
from harness.stack.components import CHECKOUT
from harness.tests.stack_fakes import write_stack

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")


class Repo:
    """A repository whose one file in ``src`` is its RMM."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "src").mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        command = ["git", *IDENTITY, "-C", str(self.path), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, text: str, message: str = "") -> str:
        (self.path / "src" / "rmm.txt").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message or text)
        return self.git("rev-parse", "HEAD")

    def state(self) -> tuple[str, ...]:
        """All that a user sees of it."""
        words = ("status --porcelain", "rev-parse HEAD", "branch -a", "worktree list", "stash list")
        return tuple(self.git(*word.split()) for word in words)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def read(source: GitSource) -> Callable[[Revision], Tried]:
    """A trial that reads the built file: "bad" and "fails to build" are what it says."""

    def trial(revision: Revision) -> Tried:
        try:
            text = source.outputs(revision)["image"].read_text()
        except BuildError:
            return Tried("skip", "does not build")
        return Tried("bad" if "bad" in text else "good")

    return trial


@pytest.fixture
def source_in(tmp_path: Path, repo: Repo) -> Callable[[Worktree], GitSource]:
    build = f"echo x >> {tmp_path / 'builds'}; ! grep -q broken rmm.txt; cp rmm.txt out.img"
    table = f'source = "local"\npath = "{repo.path}/src"\nbuild = "{build}"\nimage = "out.img"'
    folder = tmp_path / "stack"
    file = write_stack(folder)
    text = file.read_text().replace(
        '[rmm]\nsource = "prebuilt"\nimage = "rmm.img"', f"[rmm]\n{table}"
    )
    file.write_text(text)
    component = component_of(load_stack(str(file)), "rmm")
    cache = Cache(tmp_path / "cache")
    assert default_tree(component) == repo.path / "src"
    return lambda tree: GitSource(component, repo.path / "src", tree, cache, Progress())


def test_the_first_bad_commit_is_found_and_the_checkout_left_alone(
    tmp_path: Path, repo: Repo, source_in: Callable[[Worktree], GitSource]
) -> None:
    good = repo.commit("good 0")
    for text in ("good 1", "broken 2", "good 3"):
        repo.commit(text)
    first = repo.commit("bad 4")
    repo.commit("bad 5")
    (repo.path / "src" / "rmm.txt").write_text("edited, not committed")
    (repo.path / "new").touch()
    before = repo.state()
    history = GitHistory(repo.path / "src")
    with Worktree.at(history, tmp_path / "tree") as tree:
        search = Search(history, read(source_in(tree)), Journal(tmp_path, {}), lambda _: None)
        found = search.run(history.resolve(good), history.resolve("HEAD"))
    assert found.first_bad is not None
    assert found.first_bad.key == first
    assert found.first_bad.title.endswith(" bad 4")
    assert repo.state() == before
    assert (repo.path / "src" / "rmm.txt").read_text() == "edited, not committed"
    assert not (tmp_path / "tree").exists()


def test_a_bad_commit_of_a_merged_branch_is_found(
    tmp_path: Path, repo: Repo, source_in: Callable[[Worktree], GitSource]
) -> None:
    good = repo.commit("good 0")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit("good side")
    first = repo.commit("bad side")
    repo.git("checkout", "-q", "main")
    (repo.path / "other").touch()
    repo.commit("good 0", "something else")
    repo.git("merge", "-q", "-m", "merge", "side")
    history = GitHistory(repo.path)
    with Worktree.at(history, tmp_path / "tree") as tree:
        search = Search(history, read(source_in(tree)), Journal(tmp_path, {}), lambda _: None)
        found = search.run(history.resolve(good), history.resolve("main"))
    assert found.first_bad is not None
    assert found.first_bad.key == first


def test_what_was_built_is_not_built_again(
    tmp_path: Path, repo: Repo, source_in: Callable[[Worktree], GitSource]
) -> None:
    repo.commit("good 0")
    repo.commit("good 1")
    repo.commit("good 0", "back to what it was")
    history = GitHistory(repo.path)
    for _ in range(2):
        with Worktree.at(history, tmp_path / "tree") as tree:
            source = source_in(tree)
            for name in ("HEAD~2", "HEAD~1", "HEAD"):
                source.outputs(history.resolve(name))
    assert (tmp_path / "builds").read_text().split() == ["x", "x"]


def test_nothing_of_one_build_is_left_for_the_next(tmp_path: Path, repo: Repo) -> None:
    first, second = repo.commit("a"), repo.commit("b")
    with Worktree.at(GitHistory(repo.path), tmp_path / "tree") as tree:
        folder = tree.checkout(first)
        (folder / "left.o").touch()
        (folder / "src" / "rmm.txt").write_text("changed")
        assert tree.checkout(second) == folder
        assert not (folder / "left.o").exists()
        assert (folder / "src" / "rmm.txt").read_text() == "b"


@pytest.mark.parametrize("left", ["whole", "no folder", "no .git file", "locked", "unknown to git"])
def test_a_worktree_that_a_killed_run_left_is_no_hindrance(
    tmp_path: Path, repo: Repo, left: str
) -> None:
    commit = repo.commit("a")
    tree_path = tmp_path / "tree"
    repo.git("worktree", "add", "-q", "--detach", str(tree_path))
    if left == "no folder":
        shutil.rmtree(tree_path)
    elif left == "no .git file":
        (tree_path / ".git").unlink()
    elif left == "locked":
        repo.git("worktree", "lock", str(tree_path))
    elif left == "unknown to git":
        shutil.rmtree(repo.path / ".git" / "worktrees")
    with Worktree.at(GitHistory(repo.path), tree_path) as tree:
        tree.checkout(commit)
    assert len(repo.git("worktree", "list").splitlines()) == 1
    assert not tree_path.exists()


def test_a_bisection_that_was_killed_is_no_hindrance(tmp_path: Path, repo: Repo) -> None:
    commit = repo.commit("a")
    tree_path = tmp_path / "tree"
    bisection = f"""
import os, signal
from pathlib import Path
from harness.bisect import GitHistory, Worktree
with Worktree.at(GitHistory(Path({str(repo.path)!r})), Path({str(tree_path)!r})) as tree:
    tree.checkout({commit!r})
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", bisection], cwd=CHECKOUT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(repo.git("worktree", "list").splitlines()) == 2
    with Worktree.at(GitHistory(repo.path), tree_path) as tree:
        tree.checkout(commit)
    assert len(repo.git("worktree", "list").splitlines()) == 1


def test_a_worktree_of_the_user_s_that_is_not_there_now_stays_known(
    tmp_path: Path, repo: Repo
) -> None:
    repo.commit("a")
    disk = tmp_path / "disk"
    repo.git("worktree", "add", "-q", "-b", "mine", str(disk / "mine"))
    before = repo.git("worktree", "list")
    disk.rename(tmp_path / "unmounted")
    with Worktree.at(GitHistory(repo.path), tmp_path / "tree"):
        pass
    (tmp_path / "unmounted").rename(disk)
    assert repo.git("worktree", "list") == before
    subprocess.run(["git", "-C", str(disk / "mine"), "status"], check=True, capture_output=True)


def test_wrong_revisions_are_named(tmp_path: Path, repo: Repo) -> None:
    first = repo.commit("a")
    repo.commit("b")
    repo.git("checkout", "-q", "--orphan", "alien")
    repo.commit("c")
    history = GitHistory(repo.path)
    with pytest.raises(BisectError, match="there is no revision 'v9' in"):
        history.resolve("v9")
    old, new, alien = (history.resolve(name) for name in (first, "main", "alien"))
    with pytest.raises(BisectError, match="are the same revision"):
        history.require_order(old, old)
    with pytest.raises(BisectError, match="the bad revision is older than the good one"):
        history.require_order(new, old)
    with pytest.raises(BisectError, match="is no ancestor of the bad one") as caught:
        history.require_order(old, alien)
    assert "share no history" in caught.value.hint
    history.require_order(old, new)


def test_a_folder_without_history_is_named(tmp_path: Path) -> None:
    with pytest.raises(BisectError, match="is not in a git repository"):
        GitHistory(tmp_path)


def test_components_without_sources_are_named() -> None:
    stack = load_stack("embedded")
    with pytest.raises(BisectError, match="has no component 'rm'"):
        component_of(stack, "rm")
    with pytest.raises(BisectError, match=r"\[tf-a\] has no source tree: its source is 'debian-so"):
        default_tree(component_of(stack, "tf-a"))
