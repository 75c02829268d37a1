# SPDX-License-Identifier: BSD-3-Clause
"""Firmware image packages (TF-A's FIP): take one apart, exchange images, put it together.

Layout: a 16-byte header (u32 magic, u32 serial, u64 flags), 40-byte entries (UUID, u64
offset, u64 size, u64 flags) up to one with a null UUID whose offset is the file's size,
then the images. Everything is little-endian; offsets count from the start of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from harness.errors import StackError

MAGIC = 0xAA640001
HEADER = struct.Struct("<IIQ")
ENTRY = struct.Struct("<16sQQQ")

BL2 = UUID("5ff9ec0b-4d22-3e4d-a544-c39d81c73f0a")
BL31 = UUID("47d4086d-4cfe-9846-9b95-2950cbbd5a00")
BL33 = UUID("d6d0eea7-fcea-d54b-9782-9934f234b6e4")
RMM = UUID("6c0762a6-12f2-4b56-92cb-ba8f633606d9")


@dataclass(frozen=True, slots=True)
class FipImage:
    """One image of a package, with the flags of its entry."""

    uuid: UUID
    data: bytes
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Fip:
    """A whole package; the order of the images is that of the file."""

    serial: int
    flags: int
    images: tuple[FipImage, ...]

    def has(self, uuid: UUID) -> bool:
        """Tell whether the package has an image."""
        return any(image.uuid == uuid for image in self.images)

    def exchange(self, new: Mapping[UUID, bytes]) -> Fip:
        """Return the package with images replaced, or added where it had none."""
        kept = [replace(i, data=new[i.uuid]) if i.uuid in new else i for i in self.images]
        added = [FipImage(u, data) for u, data in new.items() if not self.has(u)]
        return replace(self, images=(*kept, *added))


def parse_fip(data: bytes, where: str) -> Fip:
    """Take a package apart. Raises StackError where it is not one or is cut short."""
    hint = "give the fip.bin of a TF-A build; a truncated download or copy is a usual cause"
    if len(data) < HEADER.size or HEADER.unpack_from(data)[0] != MAGIC:
        raise StackError(f"{where}: not a firmware image package (FIP)", hint=hint)
    _, serial, flags = HEADER.unpack_from(data)
    images = []
    at = HEADER.size
    while True:
        if at + ENTRY.size > len(data):
            raise StackError(f"{where}: cut short inside its table of contents", hint=hint)
        raw, offset, size, entry_flags = ENTRY.unpack_from(data, at)
        if raw == bytes(16):
            break
        if offset + size > len(data):
            raise StackError(
                f"{where}: cut short: image {UUID(bytes=raw)} should end at byte {offset + size},"
                f" the file at {len(data)}",
                hint=hint,
            )
        images.append(FipImage(UUID(bytes=raw), data[offset : offset + size], entry_flags))
        at += ENTRY.size
    return Fip(serial, flags, tuple(images))


def pack_fip(fip: Fip) -> bytes:
    """Put a package together."""
    offset = HEADER.size + ENTRY.size * (len(fip.images) + 1)
    table = HEADER.pack(MAGIC, fip.serial, fip.flags)
    for image in fip.images:
        table += ENTRY.pack(image.uuid.bytes, offset, len(image.data), image.flags)
        offset += len(image.data)
    table += ENTRY.pack(bytes(16), offset, 0, 0)
    return table + b"".join(image.data for image in fip.images)
