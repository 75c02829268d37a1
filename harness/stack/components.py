# SPDX-License-Identifier: BSD-3-Clause
"""Gets one component: finds it in the cache, or builds it the way its source says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ProvisionError, StackError
from harness.provision.requirements import program_version_line, require
from harness.stack.cache import Cache, Entry, Fill
from harness.stack.command import run_logged
from harness.stack.hashing import digest, require_folder, tree_signature
from harness.stack.kbuild_source import KbuildSource
from harness.stack.progress import Progress
from harness.stack.spec import (
    Component,
    DebianPackages,
    DebianSource,
    DebianSourcePackage,
    InTreeSource,
    KernelModuleSource,
    LocalSource,
    PrebuiltSource,
    RootfsSource,
)

CHECKOUT = Path(__file__).resolve().parents[2]
CROSS_COMPILE = "aarch64-linux-gnu-"


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What every build needs: the cache, where to report, the checkout's folder."""

    cache: Cache
    progress: Progress = field(default_factory=Progress)
    checkout: Path = CHECKOUT

    def obtain(self, key: str, what: str, fill: Fill) -> Entry:
        """Return a cached entry, or build it and report that as a step."""
        found = self.cache.find(key)
        if found is not None:
            return found
        self.progress.begin(what)
        outcome = "failed"
        try:
            entry = self.cache.obtain(key, fill)
            outcome = "built"
        finally:
            self.progress.end(what, outcome)
        return entry


@dataclass(frozen=True, slots=True)
class BuiltComponent:
    """A component's files, the version that it goes by, the hash of what made it."""

    outputs: Mapping[str, Path]
    version: str
    hash: str


def build_component(
    component: Component,
    context: BuildContext,
    built: Mapping[str, BuiltComponent] | None = None,
) -> BuiltComponent:
    """Get one component's files; ``built`` has those of which it is made.

    Raises StackError, BuildError or ProvisionError.
    """
    source = component.source
    match source:
        case PrebuiltSource():
            return _prebuilt(component, context)
        case InTreeSource():
            from harness.stack.in_tree import build_in_tree

            return build_in_tree(component, source, context)
        case LocalSource():
            return _local(component, source, context)
        case KbuildSource():
            from harness.stack.kbuild import build_kernel

            return build_kernel(component, source, context)
        case KernelModuleSource():
            from harness.stack.kmodule import build_module

            return build_module(component, source, context)
        case DebianSourcePackage():
            from harness.stack.debian_source import build_debian_source

            return build_debian_source(component, source, context)
        case DebianPackages():
            from harness.stack.debian_packages import build_debian_packages

            return build_debian_packages(component, source, context)
        case RootfsSource():
            from harness.stack.rootfs import build_rootfs

            return build_rootfs(component, source, context, built or {})
        case DebianSource():
            raise StackError(
                f"[{component.name}]: source 'debian' is only for programs such as qemu",
                hint="use prebuilt, local or debian-source",
            )


def compiler_version() -> str:
    """Name the cross compiler's version, part of every build's key. Raises ProvisionError."""
    compiler = f"{CROSS_COMPILE}gcc"
    require([compiler], "cross compiler")
    version = program_version_line(compiler)
    if not version:
        raise ProvisionError(
            f"{compiler} --version says nothing", hint="is it broken? run it by hand"
        )
    return version


def check_outputs(component: Component, folder: Path, log: Path) -> None:
    """Raise StackError where a build did not leave a file that the stack names."""
    for name, file in component.outputs.items():
        if not (folder / file).is_file():
            raise StackError(
                f"[{component.name}]: the build succeeded but left no {file} ({name})",
                hint=f"see {log}, and {name} = … in the stack",
            )


def _prebuilt(component: Component, context: BuildContext) -> BuiltComponent:
    outputs = {name: Path(file) for name, file in component.outputs.items()}
    hashes = {}
    for name, path in outputs.items():
        where = f"[{component.name}] {name}"
        if not path.is_file():
            problem = "is not a regular file" if path.exists() else "does not exist"
            raise StackError(
                f"{where}: {path} {problem}",
                hint=f"check --set {component.name}.{name}=… or the stack file",
            )
        try:
            hashes[name] = context.cache.hasher.file(path)
        except OSError as error:
            raise StackError(f"{where}: {path} cannot be read: {error.strerror}") from error
    short = next(iter(hashes.values()))[:12]
    return BuiltComponent(outputs, f"prebuilt {short}", digest("prebuilt", hashes))


def _local(component: Component, source: LocalSource, context: BuildContext) -> BuiltComponent:
    """Build in the user's tree; the tree as it is afterwards is the key of the result."""
    what = f"[{component.name}]"
    require_folder(source.path, what, f"check {component.name}.path")
    identity = digest("local", str(source.path), source.build, dict(component.outputs))

    def key_now() -> str:
        return digest(identity, tree_signature(source.path))

    def from_cache() -> BuiltComponent | None:
        key = key_now()
        entry = context.cache.find(key)
        return BuiltComponent(entry.outputs, f"local {key[:12]}", key) if entry else None

    def fill(work: Path) -> Mapping[str, str]:
        copied = {}
        for name, file in component.outputs.items():
            data = (source.path / file).read_bytes()
            copied[name] = f"{name}-{Path(file).name}"
            (work / copied[name]).write_bytes(data)
        return copied

    if (known := from_cache()) is not None:
        return known
    with context.cache.lock(identity):
        if (known := from_cache()) is not None:
            return known
        log = context.cache.log_path(f"{component.name}-{identity[:12]}")
        log.unlink(missing_ok=True)
        step = f"{component.name} ({source.path})"
        context.progress.begin(step)
        outcome = "failed"
        try:
            argv = ["sh", "-ec", source.build]
            run_logged(argv, what=what, cwd=source.path, log=log, env={"JOBS": str(jobs())})
            check_outputs(component, source.path, log)
            outcome = "built"
        finally:
            context.progress.end(step, outcome)
        key = key_now()
        entry = context.cache.obtain(key, fill)
        return BuiltComponent(entry.outputs, f"local {key[:12]}", key)


def jobs() -> int:
    """Return how many compilers to run at once."""
    return len(os.sched_getaffinity(0))


def clean_environment() -> dict[str, str]:
    """Environment that keeps a caller's make flags and locale out of reproducible builds."""
    return {"MAKEFLAGS": "", "MFLAGS": "", "LC_ALL": "C", "TZ": "UTC", "SOURCE_DATE_EPOCH": "0"}
