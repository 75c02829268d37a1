# SPDX-License-Identifier: BSD-3-Clause
"""Address types that must not be mixed up: physical and intermediate physical.

Both are integers at run time, so that arithmetic stays plain; arithmetic yields
``int``, and naming the result ``Pa(...)`` or ``Ipa(...)`` again is the point where
the author says which space it lies in.
"""

from __future__ import annotations

GRANULE_BYTES = 4096
"""Size of a granule, the unit of the granule protection table (4 KiB)."""

MASK64 = (1 << 64) - 1


class _Address(int):
    """An address that prints itself in hexadecimal with the name of its space."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self):#x})"

    def __str__(self) -> str:
        return f"{int(self):#x}"


class Pa(_Address):
    """A physical address as seen by the machine's memory system."""


class Ipa(_Address):
    """An intermediate physical address inside one realm."""


def is_granule_aligned(address: int) -> bool:
    """Tell whether an address is the first byte of a granule."""
    return address % GRANULE_BYTES == 0


def align_down(value: int, size_bytes: int) -> int:
    """Round ``value`` down to a multiple of ``size_bytes`` (a power of two)."""
    return value & ~(size_bytes - 1)


def align_up(value: int, size_bytes: int) -> int:
    """Round ``value`` up to a multiple of ``size_bytes`` (a power of two)."""
    return (value + size_bytes - 1) & ~(size_bytes - 1)
