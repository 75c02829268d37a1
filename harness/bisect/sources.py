# SPDX-License-Identifier: BSD-3-Clause
"""Builds a component at a revision of its source tree, in the bisection's worktree, cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.bisect.errors import BisectError
from harness.bisect.history import Worktree
from harness.bisect.series import Revision
from harness.stack import Cache, Progress, Stack
from harness.stack.command import run_logged
from harness.stack.components import (
    CHECKOUT,
    BuildContext,
    build_component,
    check_outputs,
    jobs,
)
from harness.stack.hashing import digest
from harness.stack.spec import Component, InTreeSource, LocalSource


def component_of(stack: Stack, name: str) -> Component:
    """The component to bisect. Raises ``BisectError``."""
    if name not in stack.components:
        raise BisectError(
            f"stack {stack.name} has no component {name!r}",
            hint=f"it has: {', '.join(stack.components)}",
        )
    return stack.components[name]


def default_tree(component: Component) -> Path:
    """Where a component's sources are, unless --source says it. Raises ``BisectError``."""
    match component.source:
        case InTreeSource():
            return CHECKOUT
        case LocalSource(path=path):
            return path
        case _:
            raise BisectError(
                f"[{component.name}] has no source tree: its source is {component.source.KIND!r}",
                hint="a stack file with source = 'local', path and build; or --files for images",
            )


@dataclass(frozen=True, slots=True)
class GitSource:
    """Gets the files of commits. ``tree`` is the source tree inside of the repository."""

    component: Component
    tree: Path
    worktree: Worktree
    cache: Cache
    progress: Progress

    def outputs(self, revision: Revision) -> Mapping[str, Path]:
        """See ``Source``."""
        match self.component.source:
            case LocalSource(build=command):
                return self._local(revision, command)
            case InTreeSource():
                context = BuildContext(self.cache, self.progress, self._folder(revision))
                return build_component(self.component, context).outputs
            case _:
                default_tree(self.component)  # raises
                raise AssertionError

    @property
    def _inside(self) -> Path:
        return self.tree.resolve().relative_to(self.worktree.history.top.resolve())

    def _folder(self, revision: Revision) -> Path:
        return self.worktree.checkout(revision.key) / self._inside

    def _local(self, revision: Revision, command: str) -> Mapping[str, Path]:
        """The user's build command, in the tree as it was; cached by the tree's hash."""
        component = self.component
        tree = self.worktree.history.tree(revision.key, str(self._inside))
        key = digest("bisect", tree, command, dict(component.outputs))

        def fill(work: Path) -> Mapping[str, str]:
            folder = self._folder(revision)
            log = self.cache.log_path(f"bisect-{component.name}-{key[:12]}")
            log.unlink(missing_ok=True)
            argv = ["sh", "-ec", command]
            run_logged(
                argv,
                what=f"[{component.name}] {revision}",
                cwd=folder,
                log=log,
                env={"JOBS": str(jobs())},
            )
            check_outputs(component, folder, log)
            copied = {}
            for name, file in component.outputs.items():
                copied[name] = f"{name}-{Path(file).name}"
                (work / copied[name]).write_bytes((folder / file).read_bytes())
            return copied

        context = BuildContext(self.cache, self.progress, CHECKOUT)
        return context.obtain(key, f"{component.name} {revision}", fill).outputs
