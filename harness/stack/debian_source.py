# SPDX-License-Identifier: BSD-3-Clause
"""Builds a Debian source package: download at one version, unpack, patch, build, keep outputs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.errors import StackError
from harness.provision.apt import download_source
from harness.provision.requirements import require
from harness.provision.space import require_space
from harness.stack.cache import Entry
from harness.stack.command import run_logged
from harness.stack.components import (
    BuildContext,
    BuiltComponent,
    check_outputs,
    clean_environment,
    compiler_version,
    jobs,
)
from harness.stack.hashing import digest
from harness.stack.spec import Component, DebianSourcePackage

BUILD_BYTES = 192 << 20
UNPACK_NEEDS = ("dpkg-source", "patch", "xz")


def build_debian_source(
    component: Component, source: DebianSourcePackage, context: BuildContext
) -> BuiltComponent:
    """Get the component's files. Raises StackError, BuildError or ProvisionError."""
    what = f"[{component.name}]"
    patches = [_patch_file(what, context, patch) for patch in source.patches]
    key = digest(
        "debian-source", source.package, source.version, source.build,
        [context.cache.hasher.file(patch) for patch in patches],
        compiler_version(), dict(component.outputs),
    )  # fmt: skip

    def fill(work: Path) -> Mapping[str, str]:
        require([*UNPACK_NEEDS, *source.needs], what)
        require_space(work, BUILD_BYTES, what)
        log = context.cache.log_path(f"{component.name}-{key[:12]}")
        log.unlink(missing_ok=True)
        tree = work / "tree"
        dsc = _download(source, context)
        unpack = ["dpkg-source", "--no-check", "-x", str(dsc), str(tree)]
        run_logged(unpack, what=f"{what} unpack", cwd=work, log=log)
        for patch in patches:
            argv = ["patch", "-p1", "--forward", "--batch", "-i", str(patch)]
            run_logged(argv, what=f"{what} patch {patch.name}", cwd=tree, log=log)
        env = {**clean_environment(), "JOBS": str(jobs())}
        run_logged(["sh", "-ec", source.build], what=what, cwd=tree, log=log, env=env)
        check_outputs(component, tree, log)
        outputs = {name: Path(file).name for name, file in component.outputs.items()}
        for name, file in component.outputs.items():
            shutil.copy(tree / file, work / outputs[name])
        shutil.rmtree(tree)
        return outputs

    step = f"{component.name} ({source.package} {source.version})"
    entry = context.obtain(key, step, fill)
    return BuiltComponent(entry.outputs, f"{source.package} {source.version}", key)


def _patch_file(what: str, context: BuildContext, patch: str) -> Path:
    path = context.checkout / Path(patch).expanduser()
    if not path.is_file():
        raise StackError(f"{what}: no patch {path}", hint="patches lie beside the stack file")
    return path


def _download(source: DebianSourcePackage, context: BuildContext) -> Path:
    """Return the .dsc of the package; its files stay in the cache for later builds."""
    key = digest("dsc", source.package, source.version)

    def fill(work: Path) -> Mapping[str, str]:
        with context.cache.guard():
            apt_dir = context.cache.root / "apt"
            apt_dir.mkdir(parents=True, exist_ok=True)
        download_source(source.package, source.version, source.suite, work, apt_dir)
        return {path.name: path.name for path in work.iterdir()}

    entry: Entry = context.obtain(key, f"download {source.package} {source.version}", fill)
    return next(path for name, path in entry.outputs.items() if name.endswith(".dsc"))
