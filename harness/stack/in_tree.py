# SPDX-License-Identifier: BSD-3-Clause
"""Builds the firmware of this checkout: the ABI header first, then ``make`` in its folder.

The tap is built the same way, for the machine that QEMU runs on.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BuildError
from harness.provision.requirements import program_version_line, require
from harness.stack.abi_header import header_hash, write_header
from harness.stack.command import run_logged
from harness.stack.components import (
    CROSS_COMPILE,
    BuildContext,
    BuiltComponent,
    check_outputs,
    clean_environment,
    compiler_version,
    jobs,
)
from harness.stack.hashing import digest, require_folder
from harness.stack.spec import Component, InTreeSource

IN_TREE_NEEDS = (f"{CROSS_COMPILE}gcc", "make")
HOST_COMPILER = "gcc"
HOST_NEEDS = (HOST_COMPILER, "stdio.h", "make")
PROGRAM_NEEDS = (*IN_TREE_NEEDS, "aarch64-linux-gnu/include/stdio.h")
PROGRAMS = ("realm-run",)
"""Components that are programs of a Linux host: they need a C library to link with."""

FOR_THE_HOST = ("tap",)
"""Components that run on this machine, not on the one that boots."""

ATTEMPTS = 4


def in_tree_needs(component: str) -> tuple[str, ...]:
    """Name what building a component from this checkout needs."""
    if component in PROGRAMS:
        return PROGRAM_NEEDS
    return HOST_NEEDS if component in FOR_THE_HOST else IN_TREE_NEEDS


class SourcesChanged(BuildError):
    """A source was edited while it was being compiled: the result fits no key."""


def build_in_tree(
    component: Component, source: InTreeSource, context: BuildContext
) -> BuiltComponent:
    """Get the component's files; built again at once if a source was edited meanwhile.

    Raises StackError, BuildError or ProvisionError.
    """
    what = f"[{component.name}]"
    folder = context.checkout / source.path
    require_folder(folder, what, "in-tree sources need a checkout: pip install -e, or prebuilt")
    require(in_tree_needs(component.name), what)
    for _ in range(ATTEMPTS):
        try:
            return _InTreeBuild(component, source, context).obtain()
        except SourcesChanged as error:
            changed = error
    raise changed


@dataclass(frozen=True, slots=True)
class _InTreeBuild:
    component: Component
    source: InTreeSource
    context: BuildContext

    def obtain(self) -> BuiltComponent:
        """Look the sources as they are now up in the cache, or build them."""
        inputs = self.inputs()
        key = digest("in-tree", inputs, self.compiler(), dict(self.component.outputs))
        step = f"{self.component.name} ({self.source.path})"
        entry = self.context.obtain(key, step, lambda work: self.fill(work, key, inputs))
        return BuiltComponent(entry.outputs, f"in-tree {key[:12]}", key)

    def compiler(self) -> str:
        """Name what compiles: the cross compiler, or this machine's own. Raises ProvisionError."""
        if self.component.name in FOR_THE_HOST:
            return f"{platform.machine()} {program_version_line(HOST_COMPILER)}"
        return compiler_version()

    def inputs(self) -> dict[str, object]:
        """Hash all that the build reads."""
        source, checkout = self.source, self.context.checkout
        hashes: dict[str, object] = {
            name: self.context.cache.hasher.tree(checkout / name)
            for name in (source.path, *source.inputs)
            if (checkout / name).is_dir()
        }
        return {
            **hashes,
            "abi": header_hash(self.context.cache),
            "make": [source.target, *source.variables],
        }

    def fill(self, work: Path, key: str, inputs: Mapping[str, object]) -> Mapping[str, str]:
        """Build into ``work``. Raises BuildError, also where the inputs changed meanwhile."""
        what = f"[{self.component.name}]"
        folder = self.context.checkout / self.source.path
        log = self.context.cache.log_path(f"{self.component.name}-{key[:12]}")
        log.unlink(missing_ok=True)
        (work / "abi").mkdir()
        write_header(work / "abi" / "cca_abi.h")
        argv = ["make", "-C", str(folder), f"O={work}", f"ABI={work / 'abi'}"]
        argv += [f"CROSS_COMPILE={CROSS_COMPILE}", f"HOST_CC={HOST_COMPILER}", f"-j{jobs()}"]
        argv += self.source.variables
        argv += [self.source.target] if self.source.target else []
        run_logged(argv, what=what, cwd=folder, log=log, env=clean_environment())
        check_outputs(self.component, work, log)
        if self.inputs() != inputs:
            raise SourcesChanged(
                f"{what}: source files keep changing while they are being built",
                hint="save everything and run again",
            )
        return self.component.outputs
