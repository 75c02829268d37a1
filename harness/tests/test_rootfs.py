# SPDX-License-Identifier: BSD-3-Clause
"""Root file systems: what a program and a module need comes along, or the build fails."""

from __future__ import annotations

import io
import lzma
import tarfile
from pathlib import Path

import pytest

from harness.errors import StackError
from harness.stack.components import BuiltComponent
from harness.stack.rootfs import LOAD_LIST, Contents, Overlay


def module(depends: str = "") -> bytes:
    return b"\x7fELF...\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


def archive_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    root = tmp_path / "root"
    root.mkdir()
    return Contents(root, "[rootfs]")


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    base = "lib/modules/6.12/kernel"
    files = {
        f"{base}/net/virtio_net.ko.xz": lzma.compress(module("net-failover")),
        f"{base}/net/net_failover.ko": module("failover"),
        f"{base}/net/failover.ko": module(),
        f"{base}/other.ko": module(),
    }
    return archive_of(tmp_path / "modules.tar", files)


def test_modules_come_with_those_that_they_need_in_the_order_of_loading(
    contents: Contents, modules: Path
) -> None:
    contents.modules(("virtio_net",), modules)
    names = ["failover", "net_failover", "virtio_net"]
    kept = [path for path in contents.archive.paths if path.endswith(".ko")]
    assert kept == [f"/lib/modules/{name}.ko" for name in names]
    assert b"failover.ko\nnet_failover.ko\nvirtio_net.ko\n" in contents.archive.pack()
    assert LOAD_LIST in contents.archive


def test_a_module_that_the_kernel_has_not_is_said(contents: Contents, modules: Path) -> None:
    with pytest.raises(StackError, match="the kernel has no module 'absent'"):
        contents.modules(("absent",), modules)


def test_modules_need_a_kernel_that_has_some(contents: Contents) -> None:
    with pytest.raises(StackError, match="the stack's kernel has no output 'modules'"):
        contents.modules(("virtio_net",), None)


def test_a_program_that_no_package_has_is_said(contents: Contents) -> None:
    with pytest.raises(StackError, match="the packages have no /usr/bin/absent"):
        contents.program("usr/bin/absent")


def test_files_that_lie_over_it_keep_their_execute_bit(contents: Contents, tmp_path: Path) -> None:
    over = tmp_path / "over"
    (over / "etc").mkdir(parents=True)
    (over / "init").write_text("#!/bin/sh\n")
    (over / "init").chmod(0o700)
    (over / "etc" / "motd").write_text("hello")
    contents.lay_over(over)
    packed = contents.archive.pack()
    assert b"000081ED" in packed[packed.index(b"init\0") - 104 : packed.index(b"init\0")]
    assert "/etc/motd" in contents.archive


@pytest.mark.parametrize(
    ("text", "overlay"),
    [
        ("module.image:/lib/rmi.ko", Overlay("module", "image", "/lib/rmi.ko", 0o644)),
        ("realm-run.image:/bin/r:755", Overlay("realm-run", "image", "/bin/r", 0o755)),
    ],
)
def test_overlays_are_read(text: str, overlay: Overlay) -> None:
    assert Overlay.parse(text, "here") == overlay


@pytest.mark.parametrize(
    "text", ["module:/x", "module.image", "module.image:x", "modul.image:/x", "module.elf:/x"]
)
def test_a_wrong_overlay_is_refused(text: str) -> None:
    with pytest.raises(StackError, match=r"here: .* is not COMPONENT"):
        Overlay.parse(text, "here")


def test_an_overlay_of_what_the_stack_lacks_is_said(tmp_path: Path) -> None:
    built = {"rmm": BuiltComponent({"image": tmp_path}, "", "")}
    with pytest.raises(StackError, match=r"the stack has no image of \[module\]"):
        Overlay("module", "image", "/x").file(built, "here")
