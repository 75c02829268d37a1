# SPDX-License-Identifier: BSD-3-Clause
"""Builds a kernel module of this checkout against the headers of a distribution's kernel.

Headers are for the machine that boots, the tools among them for this one: their packages are
unpacked beside each other, in a folder that may lie anywhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BuildError, StackError
from harness.provision.packages import PackageIndex, own_architecture
from harness.provision.requirements import require
from harness.provision.space import require_space
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
from harness.stack.debian_packages import NEEDS, UNPACKED_BYTES, fetch, package_index
from harness.stack.hashing import digest, require_folder
from harness.stack.spec import Component, KernelModuleSource

MODULE_NEEDS = (f"{CROSS_COMPILE}gcc", "make", *NEEDS)
_HEADERS = "usr/src/linux-headers-*/Module.symvers"
_INCLUDE = "include "


def build_module(
    component: Component, source: KernelModuleSource, context: BuildContext
) -> BuiltComponent:
    """Get the component's files. Raises StackError, BuildError or ProvisionError."""
    what = f"[{component.name}]"
    require_folder(context.checkout / source.path, what, "in-tree sources need a checkout")
    names = _names(source)
    index = package_index(context, source.suite, source.architecture)
    packages = [str(package) for package in index.resolve(names)]
    build = _ModuleBuild(component, source, context, index, names)
    key = digest(
        "kernel-module", packages, source.arch, build.inputs(), compiler_version(),
        dict(component.outputs),
    )  # fmt: skip
    step = f"{component.name} ({source.path})"
    entry = context.obtain(key, step, lambda work: build.fill(work, key))
    return BuiltComponent(entry.outputs, f"for {packages[0].partition('=')[0]} {key[:12]}", key)


def _names(source: KernelModuleSource) -> tuple[str, ...]:
    """The packages' names, with this machine's architecture where tools of it are meant."""
    return tuple(name.replace(":native", f":{own_architecture()}") for name in source.packages)


@dataclass(frozen=True, slots=True)
class _ModuleBuild:
    component: Component
    source: KernelModuleSource
    context: BuildContext
    index: PackageIndex
    names: tuple[str, ...]

    def inputs(self) -> list[str]:
        """Hash what the build reads of the checkout."""
        hasher = self.context.cache.hasher
        return [
            hasher.tree(self.context.checkout / self.source.path),
            header_hash(self.context.cache),
        ]

    def fill(self, work: Path, key: str) -> Mapping[str, str]:
        """Build into ``work``; kbuild writes beside the sources, so that a copy is built."""
        what = f"[{self.component.name}]"
        require(MODULE_NEEDS, what)
        require_space(work, UNPACKED_BYTES, what)
        before = self.inputs()
        sources, abi = work / "module", work / "abi"
        shutil.copytree(self.context.checkout / self.source.path, sources)
        abi.mkdir()
        write_header(abi / "cca_abi.h")
        root = fetch(self.context, self.index, self.names, work)
        headers = relocate_headers(root, what)
        log = self.context.cache.log_path(f"{self.component.name}-{key[:12]}")
        log.unlink(missing_ok=True)
        argv = ["make", "-C", str(headers), f"M={sources}", f"ABI={abi}", f"-j{jobs()}"]
        argv += [f"ARCH={self.source.arch}", f"CROSS_COMPILE={CROSS_COMPILE}"]
        argv += ["CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]  # needs pahole and vmlinux
        run_logged(argv, what=what, cwd=sources, log=log, env=clean_environment())
        check_outputs(self.component, sources, log)
        if self.inputs() != before:
            raise BuildError(
                f"{what}: source files changed while they were being built",
                hint="save everything and run again",
            )
        for file in self.component.outputs.values():
            shutil.copy(sources / file, work / Path(file).name)
        shutil.rmtree(root)
        return {name: Path(file).name for name, file in self.component.outputs.items()}


def relocate_headers(root: Path, what: str) -> Path:
    """Make unpacked header packages usable where they lie; return the folder for ``make -C``.

    Debian's makefile there includes the common one by its absolute path.
    """
    found = sorted(root.glob(_HEADERS))
    if len(found) != 1:
        raise StackError(
            f"{what}: the packages bring the headers of {len(found)} kernels, wanted one",
            hint="packages = linux-headers-VERSION-FLAVOUR, -common and linux-kbuild-VERSION",
        )
    makefile = found[0].parent / "Makefile"
    lines = makefile.read_text(encoding="utf-8").splitlines()
    makefile.write_text("".join(f"{_relocated(line, root)}\n" for line in lines), encoding="utf-8")
    return makefile.parent


def _relocated(line: str, root: Path) -> str:
    if not line.startswith(_INCLUDE + "/"):
        return line
    return f"{_INCLUDE}{root}{line.removeprefix(_INCLUDE)}"
