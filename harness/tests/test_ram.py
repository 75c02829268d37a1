# SPDX-License-Identifier: BSD-3-Clause
"""Guest RAM: bounds, words, and finding what is not zero without touching holes."""

import os
from collections.abc import Iterator

import pytest

from harness.machine.ram import GuestRam, RamError
from harness.types import Pa

BASE = 0x4000_0000


@pytest.fixture
def ram() -> Iterator[GuestRam]:
    memory = GuestRam(3 << 30)
    yield memory
    memory.close()


def test_bytes_and_words_are_little_endian(ram: GuestRam) -> None:
    ram.write_u64(BASE + 8, 0x1122334455667788)
    assert ram.read(BASE + 8, 8) == bytes.fromhex("8877665544332211")
    assert (ram.read_u64(BASE + 8), ram.read_u32(BASE + 12)) == (0x1122334455667788, 0x11223344)
    ram.write_u32(BASE, 0xDEADBEEF)
    ram.write(BASE + 1, b"\0")
    assert ram.read_u32(BASE) == 0xDEAD00EF


def test_view_is_live(ram: GuestRam) -> None:
    with ram.view(BASE + 0x1000, 4) as view:
        view[0] = 7
        assert ram.read(BASE + 0x1000, 1) == b"\x07"


@pytest.mark.parametrize(("pa", "size"), [(BASE - 1, 1), (BASE + (3 << 30) - 4, 8), (BASE, -1)])
def test_outside_is_refused_with_the_range(ram: GuestRam, pa: int, size: int) -> None:
    with pytest.raises(RamError, match=rf"{pa:#x} .* guest RAM \(0x40000000\.\.0x100000000\)"):
        ram.read(pa, size)


def test_first_nonzero_is_exact_and_skips_holes(ram: GuestRam) -> None:
    assert ram.is_zero(BASE, 3 << 30)
    assert os.fstat(ram.fd).st_blocks == 0
    ram.write(BASE + (2 << 30) + 12345, b"\x01")
    assert ram.first_nonzero(BASE, 3 << 30) == Pa(BASE + (2 << 30) + 12345)
    assert ram.is_zero(BASE, (2 << 30) + 12345)
    assert not ram.is_zero(BASE + (2 << 30) + 12345, 1)
    assert ram.is_zero(BASE + (2 << 30) + 12346, 1 << 20)


def test_closed_ram_says_so_and_live_views_do_not_hurt() -> None:
    ram = GuestRam(1 << 20)
    ram.write(BASE, b"full" * 1000)
    view = ram.view(BASE, 16)
    file = os.dup(ram.fd)
    ram.close()
    ram.close()
    assert os.fstat(file).st_blocks == 0  # the memory is given back all the same
    os.close(file)
    assert view[0] == 0
    with pytest.raises(RamError, match="no longer mapped: its machine was stopped"):
        ram.read(BASE, 1)
