# SPDX-License-Identifier: BSD-3-Clause
"""What a Linux host boots from: kernel and root file system in RAM, a device tree that says so.

The firmware enters the kernel where it was built to (``PRELOADED_BL33_BASE``); QEMU puts
kernel and root file system there, again at each reset.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import StackError
from harness.machine.argv import Bootable, Shape
from harness.machine.device_tree import DeviceTree
from harness.machine.ram import RAM_BASE

CONSOLES = ("host", "secure", "realm")
"""UART 0 (firmware and kernel), UART 1 (secure world), hvc0 (free for launchers)."""

KERNEL_BASE = 0x6000_0000
_ALIGN_BYTES = 2 << 20
_SEED_BYTES = 64
_HEADER = struct.Struct("<II3Q")
"""Of an arm64 Image: two instructions, text offset, image size, flags."""

_ARGUMENTS = "console=ttyAMA0 loglevel=6 nokaslr panic=-1 cca.shell={shell}"
"""Panics reboot, which is an alarm of its own; without KASLR addresses are those of the files."""

_NETWORK = (
    *("-netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:0-:22"),
    *("-device", "virtio-net-pci,netdev=net0,romfile="),
)


class HostStack(Bootable, Protocol):
    """A stack with a kernel; ``harness.stack.BuiltStack`` is one."""

    @property
    def images(self) -> Mapping[str, Path]: ...
    @property
    def hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class HostShape:
    """The stack's machine with what a kernel needs."""

    memory_bytes: int
    cpus: int
    cpu: str
    accel: str
    machine_options: str
    extra_args: Sequence[str]


@dataclass(frozen=True, slots=True)
class HostBoot:
    """A host ready to be launched as a machine; ``Machine.launch`` takes it."""

    name: str
    qemu: Path
    flash: Path
    elfs: Mapping[str, Path]
    maps: Mapping[str, Path]
    machine: Shape


def prepare_boot(
    built: HostStack,
    folder: Path,
    *,
    shell: str = "script",
    arguments: str = "",
    extra: Sequence[str] = (),
) -> HostBoot:
    """Write the device tree into ``folder`` and return what is to be launched.

    ``arguments`` are further ones of the kernel, ``extra`` of QEMU. Raises ``StackError`` where
    kernel and root file system do not fit.
    """
    kernel, rootfs = built.images["kernel"], built.images["rootfs"]
    start = KERNEL_BASE + _image_bytes(kernel)
    start += -start % _ALIGN_BYTES
    end = start + rootfs.stat().st_size
    if end > RAM_BASE + built.machine.memory_bytes:
        raise StackError(
            f"kernel and root file system end at {end:#x}, beyond the machine's memory",
            hint="give the machine more memory, or the root file system fewer overlays",
        )
    tree = DeviceTree.parse(built.images["dtb"].read_bytes())
    chosen = tree.node("/chosen")
    words = [_ARGUMENTS.format(shell=shell), arguments]
    chosen.set_text("bootargs", " ".join(filter(None, words)))
    chosen.set_u64("linux,initrd-start", start)
    chosen.set_u64("linux,initrd-end", end)
    chosen.properties.pop("kaslr-seed", None)
    chosen.properties["rng-seed"] = os.urandom(_SEED_BYTES)
    file = folder / "host.dtb"
    file.write_bytes(tree.pack())
    shape = built.machine
    words = [*("-dtb", str(file)), *_loader(kernel, KERNEL_BASE), *_loader(rootfs, start)]
    args = [*shape.extra_args, *words, *_NETWORK, *extra]
    return HostBoot(
        built.name,
        built.qemu,
        built.flash,
        built.elfs,
        built.maps,
        HostShape(
            shape.memory_bytes, shape.cpus, shape.cpu, shape.accel, shape.machine_options, args
        ),
    )


def kernel_symbols_key(built: HostStack) -> str:
    """What the names of a kernel's addresses belong to: its image."""
    with built.images["kernel"].open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _image_bytes(kernel: Path) -> int:
    """How much memory a kernel needs from its base on, its cleared data included."""
    with kernel.open("rb") as file:
        _, _, _, size_bytes, _ = _HEADER.unpack(file.read(_HEADER.size))
    return max(int(size_bytes), kernel.stat().st_size)


def _loader(file: Path, address: int) -> list[str]:
    name = str(file).replace(",", ",,")
    return ["-device", f"loader,file={name},addr={address:#x},force-raw=on"]
