# SPDX-License-Identifier: BSD-3-Clause
"""What a stack file says, as frozen values: components, their sources, the machine.

The dataclasses are the schema: the field names of a source class are the keys that
its table may have, a field without default is a key that it must have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from harness.errors import StackError
from harness.stack.kbuild_source import KbuildSource


@dataclass(frozen=True, slots=True, kw_only=True)
class InTreeSource:
    """Firmware of this checkout, built with ``make`` in ``path`` (relative to the checkout)."""

    KIND: ClassVar[str] = "in-tree"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    path: str
    target: str = ""
    variables: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("images/common",)


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianSource:
    """A program of a Debian binary package, taken from ``PATH``."""

    KIND: ClassVar[str] = "debian"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    package: str
    min_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianSourcePackage:
    """A Debian source package at one version, patched and built with a shell command."""

    KIND: ClassVar[str] = "debian-source"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    package: str
    version: str
    build: str
    suite: str = "trixie"
    patches: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianPackages:
    """Files out of Debian binary packages of any architecture, downloaded, not installed.

    ``*`` in a package's name takes the highest version of the suite, ``NAME:ARCHITECTURE`` one
    of another architecture. Outputs are patterns below the root that the packages make up;
    one that ends in / names a folder, which becomes a tar archive.
    """

    KIND: ClassVar[str] = "debian-packages"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    packages: tuple[str, ...]
    suite: str
    architecture: str = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class RootfsSource:
    """A root file system in memory, put together from Debian's packages and files of others.

    ``programs`` (paths in the packages) come with the libraries that they need, ``modules``
    with those that they depend on; they are loaded at boot in that order. ``path`` is a folder
    whose files lie over it. ``overlay`` adds outputs of other components, each written
    ``COMPONENT.OUTPUT:/PATH`` or ``COMPONENT.OUTPUT:/PATH:MODE``.
    """

    KIND: ClassVar[str] = "rootfs"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    path: str
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    suite: str = "trixie"
    architecture: str = "arm64"
    modules: tuple[str, ...] = ()
    overlay: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelModuleSource:
    """A kernel module of this checkout, built against the kernel headers of Debian packages.

    ``:native`` behind a package's name stands for the architecture of this machine.
    """

    KIND: ClassVar[str] = "kernel-module"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    path: str
    packages: tuple[str, ...]
    suite: str
    architecture: str = "arm64"
    arch: str = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSource:
    """A source tree of the user's, built in place with a shell command of the user's.

    The command runs again when names, sizes or times in the tree differ from what the last
    build left. A file saved while the command runs is taken for one of its products.
    """

    KIND: ClassVar[str] = "local"
    OUTPUTS_ARE_FILES: ClassVar[bool] = False
    path: Path
    build: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrebuiltSource:
    """Files that somebody else built; they are used as they are."""

    KIND: ClassVar[str] = "prebuilt"
    OUTPUTS_ARE_FILES: ClassVar[bool] = True


Source = (
    InTreeSource
    | DebianSource
    | DebianSourcePackage
    | DebianPackages
    | RootfsSource
    | LocalSource
    | KbuildSource
    | KernelModuleSource
    | PrebuiltSource
)

SOURCES: Mapping[str, type[Source]] = {
    cls.KIND: cls
    for cls in (
        *(InTreeSource, DebianSource, DebianSourcePackage, DebianPackages, RootfsSource),
        *(LocalSource, KbuildSource, KernelModuleSource, PrebuiltSource),
    )
}

IMAGE_ELF = ("image", "elf")

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "qemu": ("program",),
    "tf-a": ("bl1", "fip", "bl31", "bl2", "trp"),
    "rmm": IMAGE_ELF,
    "host": IMAGE_ELF,
    "realm": (*IMAGE_ELF, "map"),
    "kernel": ("image", "elf", "map", "modules"),
    "headers": ("image",),
    "module": ("image",),
    "realm-run": ("image", "elf", "agent"),
    "rearm": ("image",),
    "rootfs": ("image",),
    "vmm": ("image", "elf"),
    "tap": ("image",),
}
"""The outputs that each component may have. For ``tf-a``, ``bl1`` and ``fip`` are images;
``bl31``, ``bl2`` and ``trp`` are ELF files with symbols. ``map`` is the System.map of the host's
kernel, for ``realm`` of a guest's; ``modules`` a tar archive of the folder with a kernel's."""

REQUIRED_OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "qemu": ("program",),
    "tf-a": ("bl1", "fip"),
}
"""Outputs that a component must have; ``("image",)`` for those not listed."""


def required_outputs(component: str) -> tuple[str, ...]:
    """Name the outputs that a component must declare."""
    return REQUIRED_OUTPUTS.get(component, ("image",))


@dataclass(frozen=True, slots=True)
class Component:
    """One thing that takes part in booting; ``outputs`` map a name to a file of the source.

    A file is absolute for a prebuilt source, a program name for a Debian package, and
    relative to the build (or output) folder otherwise.
    """

    name: str
    source: Source
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineShape:
    """The virtual machine that a stack boots on.

    ``machine_options`` is the whole value of QEMU's ``-M``, ``accel`` that of ``-accel``.
    """

    memory_bytes: int
    cpus: int
    cpu: str
    accel: str
    machine_options: str
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What boots: a validated stack file with the overrides of the command line applied."""

    name: str
    file: Path
    description: str
    machine: MachineShape
    components: Mapping[str, Component]
    capabilities: frozenset[str]


class Files(dict[str, Path]):
    """Files of a built stack by component; one that the stack does not have is a StackError."""

    def __init__(self, stack: str, output: str, files: Mapping[str, Path]) -> None:
        super().__init__(files)
        self._stack = stack
        self._output = output

    def __missing__(self, component: str) -> Path:
        output = self._output
        raise StackError(
            f"stack {self._stack} has no {output} of {component!r},"
            f" only of {', '.join(sorted(self)) or 'nothing'}",
            hint=f"add {output} = … to [{component}], or --set {component}.{output}=FILE",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltStack:
    """A stack with every file in place. ``hash`` covers everything that can change a run.

    ``images`` has ``bl1``, ``fip`` and one image for each component that has one (``rmm``,
    ``host``, ``realm``, …), with a kernel also ``dtb``, the machine's device tree; ``elfs`` the
    files with symbols, as far as known, ``maps`` those as nm lists them; all are ``Files``.
    ``flash`` goes to QEMU's ``-bios``: BL1 at 0, the FIP at 256 KiB, not padded.
    """

    name: str
    qemu: Path
    flash: Path
    images: Mapping[str, Path]
    elfs: Mapping[str, Path]
    maps: Mapping[str, Path] = field(default_factory=dict)
    machine: MachineShape
    capabilities: frozenset[str]
    versions: Mapping[str, str]
    hash: str
