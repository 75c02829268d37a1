# SPDX-License-Identifier: BSD-3-Clause
"""Small stand-ins for the parts of a stack: programs, images, a checkout, a stack file."""

from __future__ import annotations

import struct
from pathlib import Path

from harness.stack import fip

INSTRUCTION = b"\x1f\x20\x03\xd5"  # nop
QEMU_10 = 'case "$*" in *--version*) echo "QEMU emulator version 10.0.2 (fake)";; esac'

MACHINE = """
[machine]
memory = "3G"
cpus = 2
cpu = "max,x-rme=on"
options = "virt"
"""


def program(path: Path, body: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def raw_image(path: Path, size_bytes: int = 64, fill: bytes = b"r") -> Path:
    """Write an image that begins with an instruction."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(INSTRUCTION + fill * (size_bytes - 4))
    return path


def elf_bytes(code: bytes, machine: int = 183) -> bytes:
    """Return an ELF file with one executable segment."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, 0, 0, len(code), len(code), 4)
    return ident + header + segment + code


def base_fip() -> bytes:
    """Return a package such as TF-A builds: BL2, BL31, a placeholder BL33, the TRP."""
    images = (
        fip.FipImage(fip.BL2, b"bl2"),
        fip.FipImage(fip.BL31, b"bl31"),
        fip.FipImage(fip.BL33, b"placeholder"),
        fip.FipImage(fip.RMM, b"trp"),
    )
    return fip.pack_fip(fip.Fip(0x12345678, 0, images))


def write_stack(folder: Path, extra: str = "", *, qemu: str = QEMU_10) -> Path:
    """Write a stack whose QEMU, TF-A, RMM and host are small prebuilt files."""
    program(folder / "qemu", qemu)
    raw_image(folder / "bl1.bin")
    (folder / "fip.bin").write_bytes(base_fip())
    raw_image(folder / "rmm.img")
    raw_image(folder / "host.bin", fill=b"h")
    file = folder / "fake.toml"
    file.write_text(f"""
{MACHINE}
[qemu]
source = "prebuilt"
program = "qemu"
[tf-a]
source = "prebuilt"
bl1 = "bl1.bin"
fip = "fip.bin"
[rmm]
source = "prebuilt"
image = "rmm.img"
[host]
source = "prebuilt"
image = "host.bin"
{extra}
""")
    return file
