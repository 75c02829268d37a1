# SPDX-License-Identifier: BSD-3-Clause
"""What a Linux host boots from: places in memory, arguments, consoles, names, keys."""

from __future__ import annotations

import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest

from harness.errors import StackError
from harness.host.boot import CONSOLES, KERNEL_BASE, prepare_boot
from harness.machine.argv import Wiring, qemu_argv
from harness.machine.device_tree import DeviceTree, Node
from harness.machine.kernel_map import KernelMap
from harness.shell.keys import KeyPair
from harness.stack.checks import check_kernel

MIB = 1 << 20


def kernel_bytes(image_size: int) -> bytes:
    head = struct.pack("<II3Q", 0x91005A4D, 0x14000000, 0, image_size, 10)
    return head.ljust(56, b"\0") + b"ARM\x64" + bytes(1000)


@pytest.fixture
def built(tmp_path: Path) -> Any:
    files = {name: tmp_path / name for name in ("kernel", "rootfs", "dtb")}
    files["kernel"].write_bytes(kernel_bytes(33 * MIB))
    files["rootfs"].write_bytes(bytes(5000))
    tree = DeviceTree(Node(children={"chosen": Node({"kaslr-seed": b"12345678"})}))
    files["dtb"].write_bytes(tree.pack())
    shape = SimpleNamespace(
        memory_bytes=3 << 30, cpus=2, cpu="max", accel="tcg", machine_options="virt", extra_args=()
    )
    return SimpleNamespace(
        name="s", qemu=Path("qemu"), flash=Path("flash"), elfs={}, maps={}, machine=shape,
        images=files, hash="h",
    )  # fmt: skip


def test_the_root_file_system_lies_behind_all_that_the_kernel_clears(
    built: Any, tmp_path: Path
) -> None:
    boot = prepare_boot(built, tmp_path, arguments="quiet")
    start = KERNEL_BASE + 34 * MIB  # 33 MiB, in steps of two
    chosen = DeviceTree.parse((tmp_path / "host.dtb").read_bytes()).node("/chosen").properties
    assert int.from_bytes(chosen["linux,initrd-start"], "big") == start
    assert int.from_bytes(chosen["linux,initrd-end"], "big") == start + 5000
    assert chosen["bootargs"].endswith(b" nokaslr panic=-1 cca.shell=script quiet\0")
    assert "kaslr-seed" not in chosen
    loaders = [word for word in boot.machine.extra_args if word.startswith("loader,")]
    assert [word.split("addr=")[1] for word in loaders] == [
        f"{KERNEL_BASE:#x},force-raw=on",
        f"{start:#x},force-raw=on",
    ]


def test_a_root_file_system_that_does_not_fit_is_said(built: Any, tmp_path: Path) -> None:
    built.machine.memory_bytes = 544 * MIB
    with pytest.raises(StackError, match="end at 0x62201388, beyond the machine's memory"):
        prepare_boot(built, tmp_path)


def test_the_third_console_is_a_virtio_one(built: Any, tmp_path: Path) -> None:
    boot = prepare_boot(built, tmp_path)
    argv = qemu_argv(boot, Wiring({name: n for n, name in enumerate(CONSOLES, 5)}, 9))
    words = " ".join(argv)
    assert "-serial chardev:host" in words
    assert "-serial chardev:secure" in words
    assert "-chardev socket,id=realm,fd=7 -device virtio-serial-pci" in words
    assert "-device virtconsole,chardev=realm" in words


def test_the_tap_is_told_where_memory_without_a_file_is(built: Any, tmp_path: Path) -> None:
    from harness.machine import TapPlugin

    boot = prepare_boot(built, tmp_path)
    tap = (TapPlugin(Path("/tap.so")), Path("/calls.tap"))
    argv = qemu_argv(boot, Wiring({"host": 5}, 6, None, tap, 8))
    [plugin] = [word for word in argv if word.startswith("/tap.so,")]
    assert f"at=/proc/self/fd/8,size={3 << 30},base=0x40000000" in plugin


def test_what_is_no_kernel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(100))
    with pytest.raises(StackError, match="is no arm64 kernel Image"):
        check_kernel(tmp_path / "x", "[kernel] image")
    (tmp_path / "x").write_bytes(kernel_bytes(0))
    check_kernel(tmp_path / "x", "[kernel] image")


def test_addresses_of_a_kernel_and_its_modules_have_names(tmp_path: Path) -> None:
    (tmp_path / "map").write_text(
        "ffff800080010000 T start\nffff800080010100 t inner\nffff800080010200 D data\n"
        "ffff80007a000000 t rmi_call\t[rmi]\n"
    )
    names = KernelMap(tmp_path / "map")
    assert names.describe(0xFFFF_8000_8001_0108) == "inner+0x8"
    assert names.describe(0xFFFF_8000_7A00_0004) == "rmi_call+0x4 [rmi]"
    assert names.describe(0x1000) is None
    assert KernelMap(tmp_path / "absent").describe(0xFFFF_8000_8001_0108) is None


def test_both_sides_read_the_same_key() -> None:
    import io

    pair = KeyPair.generate()
    theirs = paramiko.Ed25519Key.from_private_key(io.StringIO(pair.openssh))
    assert theirs.asbytes() == pair.public_blob
    assert pair.public_line == f"ssh-ed25519 {theirs.get_base64()}"
    algorithm, rest = pair.dropbear[4:15], pair.dropbear[15:]
    assert (algorithm, rest[:4]) == (b"ssh-ed25519", (64).to_bytes(4, "big"))
    assert rest[36:] == pair.public_blob[-32:]
