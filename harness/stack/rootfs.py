# SPDX-License-Identifier: BSD-3-Clause
"""Puts a root file system in memory together: programs, their libraries, modules, overlays.

Invariants:

* the same inputs give the same bytes, whoever builds and wherever;
* what a program or a module needs is found among the packages, or the build fails: nothing
  is missing only at boot.
"""

from __future__ import annotations

import lzma
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from harness.elf import ElfFile
from harness.errors import StackError
from harness.provision.requirements import require
from harness.provision.space import require_space
from harness.stack.components import BuildContext, BuiltComponent
from harness.stack.cpio import Archive
from harness.stack.debian_packages import NEEDS, UNPACKED_BYTES, describe, fetch, package_index
from harness.stack.hashing import digest, require_folder, walk
from harness.stack.spec import OUTPUTS, Component, RootfsSource

FOLDERS = (
    *("bin", "dev", "etc/dropbear", "etc/init.d", "lib/modules", "mnt", "proc", "root", "run"),
    *("sys", "tmp", "var/log"),
)
LOAD_LIST = "/lib/modules/load"
_RECIPE = [Path(__file__).with_name(name).read_bytes().hex() for name in ("rootfs.py", "cpio.py")]
"""This code, as it was when it was loaded: it may be edited while a session runs."""

_LIBRARIES = "/lib"
_CONSOLE = (5, 1)
_DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")
_SUFFIXES = (".ko", ".ko.xz")


@dataclass(frozen=True, slots=True)
class Overlay:
    """One file of another component: its output, where it goes, its mode."""

    component: str
    output: str
    path: str
    mode: int = 0o644

    @classmethod
    def parse(cls, text: str, where: str) -> Overlay:
        """Read ``COMPONENT.OUTPUT:/PATH[:MODE]``. Raises StackError."""
        found = re.fullmatch(r"([\w-]+)\.([\w-]+):(/[^:]+)(?::([0-7]{3,4}))?", text)
        if found is None or found[1] not in OUTPUTS or found[2] not in OUTPUTS[found[1]]:
            raise StackError(
                f"{where}: {text!r} is not COMPONENT.OUTPUT:/PATH or COMPONENT.OUTPUT:/PATH:MODE",
                hint='such as "module.image:/lib/modules/rmi.ko"',
            )
        return cls(found[1], found[2], found[3], int(found[4] or "644", 8))

    def file(self, built: Mapping[str, BuiltComponent], where: str) -> Path:
        """The file that it stands for. Raises StackError."""
        component = built.get(self.component)
        if component is None or self.output not in component.outputs:
            raise StackError(
                f"{where}: the stack has no {self.output} of [{self.component}]",
                hint=f"add it, or take {self.component}.{self.output} out of the overlay",
            )
        return component.outputs[self.output]


def build_rootfs(
    component: Component,
    source: RootfsSource,
    context: BuildContext,
    built: Mapping[str, BuiltComponent],
) -> BuiltComponent:
    """Get the archive. Raises StackError, BuildError or ProvisionError."""
    what = f"[{component.name}]"
    folder = context.checkout / source.path
    require_folder(folder, what, "path is the folder with the files that lie over the packages")
    index = package_index(context, source.suite, source.architecture)
    packages = index.resolve(source.packages, dependencies=True)
    overlays = [Overlay.parse(text, f"{what} overlay") for text in source.overlay]
    files = {overlay: overlay.file(built, f"{what} overlay") for overlay in overlays}
    modules = built["kernel"].outputs.get("modules") if "kernel" in built else None
    hasher = context.cache.hasher
    key = digest(
        "rootfs", list(map(str, packages)), source.programs, source.modules, hasher.tree(folder),
        [[repr(overlay), hasher.file(path)] for overlay, path in files.items()],
        hasher.file(modules) if modules and source.modules else "",
        _RECIPE,
        dict(component.outputs),
    )  # fmt: skip

    def fill(work: Path) -> Mapping[str, str]:
        require(NEEDS, what)
        require_space(work, UNPACKED_BYTES, what)
        root = fetch(context, index, source.packages, work, dependencies=True)
        contents = Contents(root, what)
        for program in source.programs:
            contents.program(program)
        if source.modules:
            contents.modules(source.modules, modules)
        contents.lay_over(folder)
        for overlay, path in files.items():
            contents.archive.file(overlay.path, path.read_bytes(), overlay.mode)
        shutil.rmtree(root)
        (work / "rootfs.cpio").write_bytes(contents.archive.pack())
        return dict.fromkeys(component.outputs, "rootfs.cpio")

    entry = context.obtain(key, f"{component.name} ({source.path})", fill)
    return BuiltComponent(entry.outputs, describe(packages), key)


class Contents:
    """An archive in the making, out of unpacked packages."""

    def __init__(self, root: Path, what: str) -> None:
        self.archive = Archive()
        self._root = root
        self._what = what
        for name in FOLDERS:
            self.archive.directory(f"/{name}")
        self.archive.directory("/root", 0o700)
        self.archive.directory("/root/.ssh", 0o700)
        self.archive.directory("/tmp", 0o1777)
        self.archive.character_device("/dev/console", *_CONSOLE)

    def program(self, path: str) -> None:
        """Add a program of the packages with its interpreter and libraries."""
        file = self._root / path.lstrip("/")
        if not file.is_file():
            raise StackError(
                f"{self._what} programs: the packages have no /{path.lstrip('/')}",
                hint="name the file as `dpkg -L PACKAGE` does",
            )
        self.archive.file(f"/{path.lstrip('/')}", file.read_bytes(), 0o755)
        self._needed_by(file)

    def _needed_by(self, file: Path) -> None:
        needs = ElfFile(file).needs
        if needs.interpreter and needs.interpreter not in self.archive:
            name = PurePosixPath(needs.interpreter).name
            self.archive.file(needs.interpreter, self._library(name, file).read_bytes(), 0o755)
        for name in needs.libraries:
            target = f"{_LIBRARIES}/{name}"
            if target not in self.archive:
                library = self._library(name, file)
                self.archive.file(target, library.read_bytes(), 0o755)
                self._needed_by(library)

    @cached_property
    def _libraries(self) -> Mapping[str, Path]:
        return {path.name: path for path in self._root.rglob("*.so*") if path.is_file()}

    def _library(self, name: str, wanted_by: Path) -> Path:
        if name not in self._libraries:
            raise StackError(f"{self._what}: {wanted_by.name} needs {name}, no package has it")
        return self._libraries[name].resolve()

    def modules(self, names: tuple[str, ...], archive: Path | None) -> None:
        """Add kernel modules, those that they depend on first, and the list for the boot."""
        if archive is None:
            raise StackError(
                f"{self._what} modules: the stack's kernel has no output 'modules'",
                hint="leave modules empty for a kernel that has its drivers built in",
            )
        order: dict[str, bytes] = {}
        with tarfile.open(archive) as tar:
            members = {_module_name(member.name): member for member in _modules_of(tar)}

            def load(name: str) -> None:
                if name in order:
                    return
                if name not in members:
                    raise StackError(f"{self._what} modules: the kernel has no module {name!r}")
                data = _module(tar, members[name])
                for other in _depends(data):
                    load(other)
                order[name] = data

            for name in names:
                load(name)
        for name, data in order.items():
            self.archive.file(f"/lib/modules/{name}.ko", data)
        listed = "".join(f"{name}.ko\n" for name in order)
        self.archive.file(LOAD_LIST, listed.encode())

    def lay_over(self, folder: Path) -> None:
        """Add the files of a folder; what may be executed there may be here."""
        for path in walk(folder):
            name = f"/{path.relative_to(folder)}"
            if path.is_symlink():
                self.archive.link(name, str(path.readlink()))
            else:
                mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                self.archive.file(name, path.read_bytes(), mode)


def _modules_of(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (member for member in tar if member.isfile() and member.name.endswith(_SUFFIXES))


def _module_name(path: str) -> str:
    """Name a module as the kernel does: without suffix, with underscores."""
    return PurePosixPath(path).name.split(".ko")[0].replace("-", "_")


def _module(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    data = file.read() if file else b""
    return lzma.decompress(data) if member.name.endswith(".xz") else data


def _depends(module: bytes) -> list[str]:
    """Names of the modules that one needs, from its own description (.modinfo)."""
    found = _DEPENDS.search(module)
    return (
        [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else []
    )
