# SPDX-License-Identifier: BSD-3-Clause
"""Looks at images before anything boots them: empty, too large, of the wrong kind, mismatched."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from harness.errors import StackError

RMM_MAX_BYTES = 0x418FF000 - 0x40100000
"""Room for the RMM: its region without the page that it shares with EL3 (just below 24 MiB)."""

FLASH_BYTES = 64 << 20
FIP_OFFSET = 64 * 4096
BL1_MAX_BYTES = FIP_OFFSET
BL33_MAX_BYTES = FLASH_BYTES - FIP_OFFSET - (1 << 20)

EM_AARCH64 = 183
_KERNEL_MAGIC = b"ARM\x64"
_KERNEL_MAGIC_AT = 56
_KERNEL_HEADER_BYTES = _KERNEL_MAGIC_AT + len(_KERNEL_MAGIC)
PT_LOAD, PF_X = 1, 1
_PROBE_BYTES = 256
_KINDS = {
    b"\x7fELF": "an ELF file",
    b"\x1f\x8b": "a gzip file",
    b"\xfd7zXZ": "an xz file",
    b"#!": "a script",
    b"\x01\x00\x64\xaa": "a firmware image package (FIP)",
    b"!<arch>": "an archive",
}


def check_raw_image(path: Path, where: str, max_bytes: int) -> None:
    """Raise StackError unless a file can be an AArch64 image that is entered at its start."""
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise StackError(f"{where}: {path} is empty", hint="was its build or copy interrupted?")
    if size_bytes > max_bytes:
        raise StackError(
            f"{where}: {path} has {size_bytes} bytes, the most that fits is {max_bytes}",
            hint="is it the raw image, and stripped of padding?",
        )
    with path.open("rb") as file:
        head = file.read(8)
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            raise StackError(
                f"{where}: {path} is {kind}, not a raw image",
                hint="give the raw image (objcopy -O binary); an ELF goes to the key 'elf'",
            )
    if size_bytes < 4 or head[:4] == bytes(4):
        raise StackError(
            f"{where}: {path} does not begin with an instruction (first word {head[:4].hex()})",
            hint="the image is entered at its first byte",
        )


def check_kernel(path: Path, where: str) -> None:
    """Raise StackError unless a file is a kernel's raw ``Image`` (Documentation/arch/arm64)."""
    with path.open("rb") as file:
        head = file.read(_KERNEL_HEADER_BYTES)
    if head[_KERNEL_MAGIC_AT:] != _KERNEL_MAGIC:
        raise StackError(
            f"{where}: {path} is no arm64 kernel Image",
            hint="give arch/arm64/boot/Image of the kernel's build; vmlinux goes to the key 'elf'",
        )


def check_elf(path: Path, where: str, image: Path | None = None) -> None:
    """Raise StackError unless a file is an AArch64 ELF, and the one that ``image`` came from."""
    data = path.read_bytes()
    if data[:4] != b"\x7fELF":
        raise StackError(f"{where}: {path} is not an ELF file", hint="'elf' wants symbols")
    if len(data) < 64 or data[4:6] != b"\x02\x01":
        raise StackError(f"{where}: {path} is not a 64-bit little-endian ELF file")
    machine = struct.unpack_from("<H", data, 18)[0]
    if machine != EM_AARCH64:
        raise StackError(f"{where}: {path} is an ELF file for machine {machine}, not AArch64 (183)")
    if image is None:
        return
    raw = image.read_bytes()
    for code in _code_samples(data, path, where):
        if code not in raw:
            raise StackError(
                f"{where}: {path} does not belong to {image}: its code is not in the image",
                hint="give the ELF of the same build, or leave 'elf' out",
            )
        return


def _code_samples(data: bytes, path: Path, where: str) -> Iterator[bytes]:
    """Yield the first bytes of each executable segment. Raises StackError on a cut file."""
    (table_offset,) = struct.unpack_from("<Q", data, 32)
    entry_bytes, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        at = table_offset + index * entry_bytes
        if at + 56 > len(data):
            raise StackError(f"{where}: {path} is cut short inside its program headers")
        kind, flags, offset, _, _, size_bytes = struct.unpack_from("<IIQQQQ", data, at)
        if offset + size_bytes > len(data):
            raise StackError(f"{where}: {path} is cut short inside a segment")
        if kind == PT_LOAD and flags & PF_X and size_bytes:
            yield data[offset : offset + min(size_bytes, _PROBE_BYTES)]
