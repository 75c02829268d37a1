# SPDX-License-Identifier: BSD-3-Clause
"""A git history as a series, and the worktree in which its revisions are looked at.

The user's checkout, index and branches are not touched: revisions go into a worktree of their
own, which git knows as long as the bisection runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.bisect.errors import BisectError
from harness.bisect.series import Revision

_GIT_S = 600.0
_OTHERS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""Set inside of a hook of git: they would point to another repository."""

_FORMAT = "%H%n%h %s"


def git(folder: Path, *words: str) -> str:
    """Run git and return what it says. Raises ``BisectError``."""
    done = _run(folder, words)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise BisectError(f"git {' '.join(words)} in {folder}: {said}")
    return done.stdout.strip()


def _run(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            env={name: value for name, value in os.environ.items() if name not in _OTHERS},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise BisectError(f"git cannot be run: {problem}", hint="install git") from problem


class GitHistory:
    """The commits of a repository."""

    def __init__(self, inside: Path) -> None:
        """Find the repository that a folder is in. Raises ``BisectError``."""
        if not inside.is_dir() or _run(inside, ["rev-parse", "--show-toplevel"]).returncode:
            raise BisectError(
                f"{inside} is not in a git repository",
                hint="--source names the source tree; --files bisects prebuilt files",
            )
        self.top = Path(git(inside, "rev-parse", "--show-toplevel"))

    def resolve(self, name: str) -> Revision:
        """Find a commit by any name that git knows. Raises ``BisectError``."""
        found = _run(self.top, ["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"])
        if found.returncode:
            raise BisectError(
                f"there is no revision {name!r} in {self.top}",
                hint="a branch, a tag or a hash; `git log --oneline` shows them",
            )
        return self.revision(found.stdout.strip())

    def require_order(self, good: Revision, bad: Revision) -> None:
        """Raise ``BisectError`` unless ``bad`` came out of ``good``."""
        if good.key == bad.key:
            raise BisectError(f"good and bad are the same revision: {good}")
        if self._is_ancestor(good.key, bad.key):
            return
        if self._is_ancestor(bad.key, good.key):
            raise BisectError(
                f"the bad revision is older than the good one: {bad} leads to {good}",
                hint="exchange --good and --bad; to find what mended a test is another question",
            )
        base = _run(self.top, ["merge-base", good.key, bad.key]).stdout.strip()
        raise BisectError(
            f"the good revision is no ancestor of the bad one: {good}, {bad}",
            hint=f"try their common ancestor: --good {base}" if base else "they share no history",
        )

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return _run(self.top, ["merge-base", "--is-ancestor", older, newer]).returncode == 0

    def suspects(self, goods: Collection[str], bad: str) -> Sequence[str]:
        """See ``Series``; git itself says which one halves the rest best."""
        text = git(self.top, "rev-list", "--bisect-all", bad, *(f"^{good}" for good in goods))
        keys = [line.split()[0] for line in text.splitlines()]
        return [*(key for key in keys if key != bad), bad]

    def revision(self, key: str) -> Revision:
        """See ``Series``."""
        full, title = git(self.top, "log", "-1", f"--format={_FORMAT}", key).split("\n", 1)
        return Revision(full, title)

    def details(self, key: str) -> str:
        """See ``Series``."""
        return git(self.top, "show", "--stat", "--format=medium", key)

    def tree(self, key: str, path: str) -> str:
        """The hash of what a revision has at a path. Raises ``BisectError``."""
        return git(self.top, "rev-parse", f"{key}:{path}" if path not in ("", ".") else f"{key}:")


class Worktree:
    """One worktree for all revisions of a bisection."""

    def __init__(self, history: GitHistory, path: Path) -> None:
        """Internal: use ``worktree``."""
        self.history, self.path = history, path

    @classmethod
    @contextmanager
    def at(cls, history: GitHistory, path: Path) -> Iterator[Worktree]:
        """Make a worktree at ``path``, remove it at the end. What a killed run left goes first."""
        tree = cls(history, path)
        tree._remove()
        git(history.top, "worktree", "add", "--detach", "--no-checkout", str(path), "HEAD")
        try:
            yield tree
        finally:
            tree._remove()

    def checkout(self, key: str) -> Path:
        """Bring the worktree to a revision, without anything that builds left there."""
        git(self.path, "checkout", "--quiet", "--detach", "--force", key)
        git(self.path, "clean", "-ffdxq")
        return self.path

    def _remove(self) -> None:
        """Remove this worktree and no other: one that is missing may be on a disk of the user's."""
        remove = ["worktree", "remove", "--force", "--force", str(self.path)]
        _run(self.history.top, remove)
        if self.path.exists():  # damaged, or git knows nothing of it
            shutil.rmtree(self.path, ignore_errors=True)
            _run(self.history.top, remove)
