# SPDX-License-Identifier: BSD-3-Clause
"""Files out of Debian packages for the machine that boots: downloaded, unpacked, picked.

A kernel's image is kept as the raw one that a boot loader enters; distributions compress it.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import StackError
from harness.provision.packages import Package, PackageIndex, unpack
from harness.provision.requirements import require
from harness.provision.space import require_space
from harness.stack.components import BuildContext, BuiltComponent
from harness.stack.hashing import digest
from harness.stack.spec import Component, DebianPackages

UNPACKED_BYTES = 512 << 20
NEEDS = ("dpkg-deb", "apt-get")
_GZIP = b"\x1f\x8b"


def package_index(context: BuildContext, suite: str, architecture: str) -> PackageIndex:
    """The packages of a suite, with lists in the cache."""
    return PackageIndex(context.cache.root / "apt", suite, architecture)


def describe(packages: Sequence[Package]) -> str:
    """Name the version that a component made of packages goes by: that of the first."""
    return f"{packages[0].name} {packages[0].version}"


def build_debian_packages(
    component: Component, source: DebianPackages, context: BuildContext
) -> BuiltComponent:
    """Get the component's files. Raises StackError or ProvisionError."""
    what = f"[{component.name}]"
    index = package_index(context, source.suite, source.architecture)
    packages = index.resolve(source.packages)
    key = digest("debian-packages", list(map(str, packages)), source.suite, dict(component.outputs))

    def fill(work: Path) -> Mapping[str, str]:
        require(NEEDS, what)
        require_space(work, UNPACKED_BYTES, what)
        root = fetch(context, index, source.packages, work)
        outputs = {
            name: _pick(root, pattern, work / name, f"{what} {name}")
            for name, pattern in component.outputs.items()
        }
        shutil.rmtree(root)
        return outputs

    entry = context.obtain(key, f"{component.name} ({describe(packages)})", fill)
    return BuiltComponent(entry.outputs, describe(packages), key)


def fetch(
    context: BuildContext,
    index: PackageIndex,
    names: Sequence[str],
    work: Path,
    *,
    dependencies: bool = False,
) -> Path:
    """Return a folder below ``work`` with the files of packages, which stay in the cache."""
    packages = index.resolve(names, dependencies=dependencies)

    def fill(archives: Path) -> Mapping[str, str]:
        index.download(names, archives, dependencies=dependencies)
        return {path.name: path.name for path in archives.glob("*.deb")}

    key = digest("debian-archives", list(map(str, packages)))
    entry = context.cache.obtain(key, fill)
    root = work / "root"
    root.mkdir()
    unpack(entry.path, root)
    return root


def _pick(root: Path, pattern: str, into: Path, what: str) -> str:
    """Copy what a pattern names to ``into``; return its name. Raises StackError."""
    found = sorted(root.glob(pattern.strip("/")))
    if len(found) != 1:
        names = ", ".join(str(path.relative_to(root)) for path in found[:5]) or "nothing"
        raise StackError(
            f"{what}: {pattern} must name one file of the packages, it names {names}",
            hint="the pattern is relative to the root of the unpacked packages",
        )
    if pattern.endswith("/"):
        into.write_bytes(pack_folder(found[0], root))
    else:
        data = found[0].read_bytes()
        into.write_bytes(gzip.decompress(data) if data.startswith(_GZIP) else data)
    return into.name


def pack_folder(folder: Path, root: Path) -> bytes:
    """Return a tar archive of a folder, with names relative to ``root``, always the same."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=_plain)
    return output.getvalue()


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = "root"
    return info
