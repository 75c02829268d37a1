# SPDX-License-Identifier: BSD-3-Clause
"""Names out of ELF files: symbols, source lines, biases, and files that are not there."""

import contextlib
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from harness.elf import ElfFile, ElfFormatError, Symboliser

_SOURCE = """\
int table[4];
__attribute__((noinline)) int first(int x)
{
    return x + table[0];
}
int second(int x)
{
    return first(x) * 3;
}
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("aarch64-linux-gnu-gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("elf")
    (folder / "two.c").write_text(_SOURCE)
    output = folder / "two.elf"
    flags = ["-g", "-O1", "-static", "-nostdlib", "-no-pie", "-ffreestanding", "-Wl,-e,second"]
    subprocess.run([compiler, *flags, "-o", output, folder / "two.c"], check=True)
    return output


def test_symbol_by_name_with_address_and_size(elf: Path) -> None:
    table = ElfFile(elf).symbol("table")
    assert table.size_bytes == 16
    assert table.address > 0


def test_address_gives_function_offset_and_source_line(elf: Path) -> None:
    file = ElfFile(elf)
    first = file.symbol("first")
    assert file.describe(first.address) in ("first+0x0 two.c:3", "first+0x0 two.c:4")
    text = file.describe(first.address + first.size_bytes - 1)
    assert text is not None
    assert text.startswith(f"first+{first.size_bytes - 1:#x} two.c:")


def test_address_outside_has_no_name(elf: Path) -> None:
    assert ElfFile(elf).describe(0x10) is None
    assert ElfFile(elf).describe(1 << 40) is None


def test_unknown_symbol_names_file_and_hints(elf: Path) -> None:
    with pytest.raises(ElfFormatError, match=r"two\.elf has no symbol 'mailboxes' \(\d+ others\)"):
        ElfFile(elf).symbol("mailboxes")


@pytest.mark.parametrize("content", [b"", b"not an elf", b"\x7fELF" + bytes(60)])
def test_broken_file_is_one_kind_of_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "raw.img"
    path.write_bytes(content)
    with pytest.raises(ElfFormatError, match=r"cannot read symbols from .*raw\.img"):
        ElfFile(path).symbol("x")


def _damaged(data: bytes) -> Iterator[bytes]:
    """Files cut short anywhere, and files with wrong bytes."""
    chance = random.Random(1)
    for end in range(64, len(data), len(data) // 50):
        yield data[:end]
    for _ in range(50):
        wrong = bytearray(data)
        for at in chance.choices(range(64, len(data)), k=40):
            wrong[at] = chance.randrange(256)
        yield bytes(wrong)


def test_damaged_file_is_the_same_error_and_does_not_hide_an_address(
    elf: Path, tmp_path: Path
) -> None:
    address = ElfFile(elf).symbol("first").address
    path = tmp_path / "damaged.elf"
    for content in _damaged(elf.read_bytes()):
        path.write_bytes(content)
        assert Symboliser({"rmm": path}).symbolise(address).startswith(f"{address:#x}")
        with contextlib.suppress(ElfFormatError):
            ElfFile(path).symbol("first")


def test_name_is_shown_without_its_line_if_that_cannot_be_read(
    elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> NoReturn:
        raise KeyError("DW_LNS")

    monkeypatch.setattr("harness.elf._line_rows", broken)
    file = ElfFile(elf)
    assert file.describe(file.symbol("first").address) == "first+0x0"


def test_line_of_an_address_takes_its_unit_alone(
    elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a kernel with debug information all of them would take minutes."""

    def all_units(_: object) -> NoReturn:
        raise AssertionError("all units were read")

    monkeypatch.setattr("elftools.dwarf.dwarfinfo.DWARFInfo.iter_CUs", all_units)
    file = ElfFile(elf)
    assert " two.c:" in str(file.describe(file.symbol("second").address))


def test_line_where_the_file_does_not_list_the_addresses_of_units(
    elf: Path, tmp_path: Path
) -> None:
    """As compilers other than GCC leave it."""
    objcopy = shutil.which("aarch64-linux-gnu-objcopy") or shutil.which("objcopy")
    assert objcopy is not None
    plain = tmp_path / "two.elf"
    subprocess.run([objcopy, "--remove-section=.debug_aranges", elf, plain], check=True)
    file = ElfFile(plain)
    assert " two.c:" in str(file.describe(file.symbol("second").address))


def test_all_symbols_of_a_name(elf: Path) -> None:
    assert [symbol.name for symbol in ElfFile(elf).symbols("first")] == ["first"]
    assert ElfFile(elf).symbols("none") == []


def test_missing_file_is_the_same_error(tmp_path: Path) -> None:
    with pytest.raises(ElfFormatError, match="No such file"):
        ElfFile(tmp_path / "none.elf").symbol("x")


def test_symboliser_applies_biases_and_names_the_file(elf: Path, tmp_path: Path) -> None:
    linked = ElfFile(elf).symbol("second").address
    names = Symboliser({"gone": tmp_path / "none.elf", "rmm": elf}, {"rmm": 0x4010_0000})
    assert names.address("rmm", "second") == linked + 0x4010_0000
    at = linked + 0x4010_0000
    assert names.symbolise(at).startswith(f"{at:#x} rmm: second+0x0 two.c:")
    assert names.symbolise(0x10) == "0x10"
    with pytest.raises(ElfFormatError, match=r"no ELF file is known for 'bl31', only for"):
        names.file("bl31")
