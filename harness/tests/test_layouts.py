# SPDX-License-Identifier: BSD-3-Clause
"""Layouts out of objects that the cross compiler made, compared with the ABI tables."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.abi import tables
from harness.abi.cheader import render, snake
from harness.layouts import (
    LayoutError,
    Layouts,
    Member,
    StructLayout,
    compare_structure,
    known_structures,
    read_layouts,
)
from harness.layouts.btf import Btf
from harness.layouts.compare import find_structure
from harness.layouts.dwarf import btf_section

COMPILER = "aarch64-linux-gnu-gcc"
FORMATS = ("btf", "dwarf-4", "dwarf-5")

ODD = """
typedef unsigned short half_t;
struct inner { unsigned char a; half_t b; };
struct odd {
    unsigned long first;
    const volatile half_t narrow;
    unsigned bits : 3;
    union { struct { unsigned int low; unsigned int high; }; unsigned long both; };
    struct inner nested;
    struct inner several[3];
    unsigned char grid[2][5];
    void *pointer;
    double real;
    enum { ONE } choice;
};
struct odd an_odd_one;
"""


def compile_c(source: str, kind: str, folder: Path) -> Path:
    file, made = folder / f"{kind}.c", folder / f"{kind}.o"
    file.write_text(source)
    argv = [COMPILER, f"-g{kind}", "-ffreestanding", "-c", str(file), "-o", str(made)]
    subprocess.run(argv, check=True, timeout=60)
    return made


@pytest.fixture(scope="module", params=FORMATS)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Layouts:
    """The structures of our own header, and an odd one, as the cross compiler laid them out."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"needs {COMPILER}")
    folder = tmp_path_factory.mktemp("layouts")
    used = "".join(f"struct {snake(name)} one_{snake(name)};\n" for name in known_structures("1.0"))
    return read_layouts(compile_c(render("1.0") + used + ODD, request.param, folder))


@pytest.mark.parametrize("structure", known_structures("1.0"))
def test_layout_of_our_own_header_is_that_of_the_tables(compiled: Layouts, structure: str) -> None:
    layout = compiled.struct(snake(structure))
    assert layout is not None
    assert layout.size == tables("1.0").struct(structure).size
    assert compare_structure(layout, structure) == []


def test_members_of_an_odd_structure(compiled: Layouts) -> None:
    """Aliases, anonymous and nested structures, arrays of both; bit fields are left out."""
    layout = compiled.struct("odd")
    assert layout is not None
    assert layout.members == (
        Member("first", 0, 8),
        Member("narrow", 8, 2),
        Member("low", 16, 4),
        Member("high", 20, 4),
        Member("both", 16, 8),
        Member("nested", 24, 4),
        Member("nested.a", 24, 1),
        Member("nested.b", 26, 2),
        Member("several", 28, 12),
        Member("grid", 40, 10),
        Member("pointer", 56, 8),
        Member("real", 64, 8),
        Member("choice", 72, 4),
    )
    assert layout.size == 80


def test_structure_that_is_not_there(compiled: Layouts) -> None:
    assert compiled.struct("no_such_structure") is None


def rec_exit(**changes: Member | None) -> StructLayout:
    """A kernel's ``rec_exit`` as the tables have it, but for some members."""
    fields = tables("1.0").struct("RmiRecExit").fields
    members = {f.name: Member(f.name, f.offset, f.size) for f in fields}
    kept = {**members, **changes}
    return StructLayout("rec_exit", 0x800, tuple(m for m in kept.values() if m is not None))


def test_structure_that_agrees() -> None:
    assert compare_structure(rec_exit(), "RmiRecExit") == []


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"ripas_value": Member("ripas_value", 0x510, 8)},
            "RmiRecExit.ripas_value: wanted 1 bytes at 0x510, seen ripas_value with 8 bytes there",
        ),
        (
            {"esr": Member("esr", 0x108, 8), "far": Member("far", 0x100, 4)},
            "RmiRecExit.esr: wanted 8 bytes at 0x100, seen far with 4 bytes there",
        ),
        (
            {"imm": Member("imm", 0x5F8, 2)},
            "RmiRecExit.imm: wanted 2 bytes at 0x600, seen imm at 0x5f8",
        ),
        ({"imm": None}, "RmiRecExit.imm: wanted 2 bytes at 0x600, seen nothing there"),
    ],
)
def test_difference_is_named(changed: dict[str, Member | None], text: str) -> None:
    assert str(compare_structure(rec_exit(**changed), "RmiRecExit")[0]) == text


def test_what_the_host_writes_may_be_declared_wider() -> None:
    """A kernel may have s2sz as 64 bits: the rest of them is zero. What it reads may not."""
    fields = tables("1.0").struct("RmiRealmParams").fields
    wide = tuple(Member(f.name, f.offset, max(f.size, 8)) for f in fields)
    assert compare_structure(StructLayout("realm_params", 0x1000, wide), "RmiRealmParams") == []
    over = tuple(Member(f.name, f.offset, 16 if f.name == "s2sz" else f.size) for f in fields)
    [problem] = compare_structure(StructLayout("realm_params", 0x1000, over), "RmiRealmParams")
    assert problem.field == "RmiRealmParams.s2sz"


@pytest.mark.parametrize(("size", "wanted"), [(0x600, "at least 0x701"), (0x1000, "at most 0x800")])
def test_size_that_cannot_be(size: int, wanted: str) -> None:
    layout = rec_exit()
    [problem] = compare_structure(StructLayout("x", size, layout.members), "RmiRecExit")
    assert str(problem) == f"RmiRecExit: wanted {wanted} bytes, seen {size:#x} bytes"


def test_kernel_structure_is_found_under_any_of_its_names() -> None:
    class Kernel:
        def struct(self, name: str) -> StructLayout | None:
            return rec_exit() if name == "rmi_rec_exit" else None

    assert find_structure(Kernel(), "RmiRecExit") == rec_exit()
    assert find_structure(Kernel(), "RmiRecEnter") is None


def test_file_without_type_information(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nonsense")
    with pytest.raises(LayoutError, match="this is no BTF"):
        read_layouts(tmp_path / "x")
    with pytest.raises(LayoutError, match="cannot be read: No such file"):
        read_layouts(tmp_path / "missing")
    (tmp_path / "elf").write_bytes(b"\x7fELF nonsense")
    with pytest.raises(LayoutError, match="cannot be read as an ELF file"):
        read_layouts(tmp_path / "elf")


def test_object_without_debug_information(tmp_path: Path) -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"needs {COMPILER}")
    with pytest.raises(LayoutError, match="neither BTF nor DWARF"):
        read_layouts(compile_c("int x;", "0", tmp_path))


def test_btf_is_found_inside_an_image(tmp_path: Path) -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"needs {COMPILER}")
    section = btf_section(compile_c(ODD, "btf", tmp_path))
    assert section is not None
    false_start = section[:8] + bytes(20)
    (tmp_path / "Image").write_bytes(b"code" * 100 + false_start + section + b"more code")
    layout = read_layouts(tmp_path / "Image").struct("odd")
    assert layout is not None
    assert layout.size == 80


def test_btf_that_is_cut() -> None:
    header = (0xEB9F).to_bytes(2, "little") + bytes([1, 0]) + (24).to_bytes(4, "little")
    sizes = b"".join(n.to_bytes(4, "little") for n in (0, 8, 8, 1))
    with pytest.raises(LayoutError, match="cut short"):
        Btf(header + sizes, "a file")
    with pytest.raises(LayoutError, match="cut inside a type"):
        Btf(header + sizes + bytes(9), "a file").struct("x")
