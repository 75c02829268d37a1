# SPDX-License-Identifier: BSD-3-Clause
"""The machine's RAM, shared with QEMU through an anonymous file that dies with both.

QEMU does not encrypt: Realm and Root memory show here as well.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct

from harness.errors import HarnessError
from harness.types import Pa

RAM_BASE = Pa(0x4000_0000)
"""Where RAM begins on QEMU's ``virt`` machine."""

_CHUNK_BYTES = 1024 * 1024
_ZEROS = bytes(_CHUNK_BYTES)


class RamError(HarnessError):
    """An access outside of RAM, or to RAM that is no longer mapped."""


class GuestRam:
    """RAM from ``base`` on, ``size_bytes`` long, readable and writable while QEMU runs.

    Every access is checked against the bounds: ``RamError`` names address and range.
    """

    def __init__(self, size_bytes: int, base: Pa = RAM_BASE) -> None:
        self.base = base
        self.size_bytes = size_bytes
        self.fd = os.memfd_create("cca-guest-ram", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self.fd, size_bytes)
            self._map: mmap.mmap | None = mmap.mmap(self.fd, size_bytes)
        except OSError:
            os.close(self.fd)
            raise

    def _offset(self, pa: int, size_bytes: int) -> int:
        offset = pa - self.base
        if offset < 0 or size_bytes < 0 or offset + size_bytes > self.size_bytes:
            end = self.base + self.size_bytes
            raise RamError(
                f"{size_bytes} bytes at {pa:#x} are not all in guest RAM ({self.base:#x}..{end:#x})"
            )
        return offset

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            raise RamError("guest RAM is no longer mapped: its machine was stopped")
        return self._map

    def read(self, pa: int, size_bytes: int) -> bytes:
        """Return a copy of ``size_bytes`` bytes at a physical address."""
        offset = self._offset(pa, size_bytes)
        return self._mapped()[offset : offset + size_bytes]

    def write(self, pa: int, data: bytes) -> None:
        """Store bytes at a physical address."""
        offset = self._offset(pa, len(data))
        self._mapped()[offset : offset + len(data)] = data

    def read_u32(self, pa: int) -> int:
        """Return the 32-bit little-endian word at a physical address."""
        return int.from_bytes(self.read(pa, 4), "little")

    def read_u64(self, pa: int) -> int:
        """Return the 64-bit little-endian word at a physical address."""
        return int.from_bytes(self.read(pa, 8), "little")

    def write_u32(self, pa: int, value: int) -> None:
        """Store a 32-bit word, in one access if the address is aligned."""
        struct.pack_into("<I", self._mapped(), self._offset(pa, 4), value)

    def write_u64(self, pa: int, value: int) -> None:
        """Store a 64-bit word, in one access if the address is aligned."""
        struct.pack_into("<Q", self._mapped(), self._offset(pa, 8), value)

    def view(self, pa: int, size_bytes: int) -> memoryview:
        """Return a live, writable window; release it before the machine is stopped."""
        offset = self._offset(pa, size_bytes)
        return memoryview(self._mapped())[offset : offset + size_bytes]

    def first_nonzero(self, pa: int, size_bytes: int) -> Pa | None:
        """Return where the first byte that is not zero lies, or None.

        Holes (pages that nobody has touched) are skipped without making them pages.
        """
        start = self._offset(pa, size_bytes)
        end = start + size_bytes
        mapped = self._mapped()
        while start < end:
            try:
                start = max(start, os.lseek(self.fd, start, os.SEEK_DATA))
            except OSError as problem:
                if problem.errno != errno.ENXIO:
                    raise
                return None  # only a hole is left
            chunk = mapped[start : min(start + _CHUNK_BYTES, end)]
            if chunk != _ZEROS[: len(chunk)]:
                return Pa(self.base + start + len(chunk) - len(chunk.lstrip(b"\0")))
            start += len(chunk) or 1
        return None

    def is_zero(self, pa: int, size_bytes: int) -> bool:
        """Tell whether every byte of a range is zero."""
        return self.first_nonzero(pa, size_bytes) is None

    def close(self) -> None:
        """Unmap and give the memory back. Idempotent.

        Live views keep the range of addresses, but nothing in it, until they go.
        """
        mapped, self._map = self._map, None
        if mapped is None:
            return
        fd, self.fd = self.fd, -1
        os.close(fd)
        try:
            mapped.close()
        except BufferError:  # a view is still held; the last one to go unmaps
            mapped.madvise(mmap.MADV_REMOVE)
