# SPDX-License-Identifier: BSD-3-Clause
"""A64 words against what GNU as makes of the same instructions."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from harness.realm import a64
from harness.realm.sysregs import ENCODINGS

WRITE_ONLY = {"ICC_DIR_EL1", "ICC_EOIR1_EL1", "ICC_SGI1R_EL1", "ICC_ASGI1R_EL1", "ICC_SGI0R_EL1"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (a64.load(3, 7, width_bytes=1), 0x394000E3),
        (a64.load(3, 7, width_bytes=2), 0x794000E3),
        (a64.load(3, 7, width_bytes=4), 0xB94000E3),
        (a64.load(3, 7, width_bytes=8), 0xF94000E3),
        (a64.load(3, 7, width_bytes=1, signed=True), 0x398000E3),
        (a64.load(3, 7, width_bytes=1, signed=True, to_64bit=False), 0x39C000E3),
        (a64.load(3, 7, width_bytes=2, signed=True), 0x798000E3),
        (a64.load(3, 7, width_bytes=2, signed=True, to_64bit=False), 0x79C000E3),
        (a64.load(3, 7, width_bytes=4, signed=True), 0xB98000E3),
        (a64.store(3, 7, width_bytes=1), 0x390000E3),
        (a64.store(3, 7, width_bytes=2), 0x790000E3),
        (a64.store(3, 7, width_bytes=4), 0xB90000E3),
        (a64.store(a64.XZR, 7, width_bytes=8), 0xF90000FF),
        (a64.load_post_index(3, 7, 8), 0xF84084E3),
        (a64.load_post_index(3, 7, -4, width_bytes=4), 0xB85FC4E3),
        (a64.load_pair(3, 4, 7), 0xA94010E3),
        (a64.store_pair(3, 4, 7), 0xA90010E3),
        (a64.load_offset(3, 7, 16), 0xF94008E3),
        (a64.load_offset(3, 7, 6, width_bytes=2), 0x79400CE3),
        (a64.store_offset(3, 7, 8, width_bytes=4), 0xB90008E3),
        (a64.store_offset(3, 7, 1, width_bytes=1), 0x390004E3),
        (a64.mrs(3, 3, 0, 0, 0, 5), 0xD53800A3),
        (a64.mrs(5, 3, 3, 14, 0, 2), 0xD53BE045),
        (a64.msr(3, 3, 0, 14, 1, 0), 0xD518E103),
        (a64.msr(9, 3, 0, 12, 11, 5), 0xD518CBA9),
        (a64.hvc(0x1234), 0xD4024682),
        (a64.smc(), 0xD4000003),
        (a64.rdvl(3), 0x04BF5023),
        (a64.branch(8), 0x14000002),
        (a64.branch(-4), 0x17FFFFFF),
        (a64.branch_if_zero(7, -12), 0xB4FFFFA7),
        (a64.add(3, 7, 4095), 0x913FFCE3),
        (a64.WFI, 0xD503207F),
        (a64.WFE, 0xD503205F),
        (a64.NOP, 0xD503201F),
        (a64.RET, 0xD65F03C0),
    ],
)
def test_word(word: int, expected: int) -> None:
    assert f"{word:#x}" == f"{expected:#x}"


def test_any_constant() -> None:
    words = a64.mov(9, 0x0123_4567_89AB_CDEF)
    assert words == (0xD299BDE9, 0xF2B13569, 0xF2C8ACE9, 0xF2E02469)


def test_system_registers_have_the_encodings_of_the_assembler(tmp_path: Path) -> None:
    assembler = shutil.which("aarch64-linux-gnu-as")
    if assembler is None:
        pytest.skip("there is no cross assembler (aarch64-linux-gnu-as)")
    lines = [".arch armv9-a+sve+sme+profile"]
    lines += [f"msr {n}, x0" if n in WRITE_ONLY else f"mrs x0, {n}" for n in ENCODINGS]
    source, made = tmp_path / "regs.s", tmp_path / "regs.o"
    source.write_text("\n".join(lines) + "\n")
    subprocess.run([assembler, "-o", made, source], check=True)
    with made.open("rb") as stream:
        text = ELFFile(stream).get_section_by_name(".text")
        assert text is not None
        words = struct.unpack(f"<{len(ENCODINGS)}I", text.data())
    ours = [
        (a64.msr if name in WRITE_ONLY else a64.mrs)(0, *encoding)
        for name, encoding in ENCODINGS.items()
    ]
    differ = [n for n, a, b in zip(ENCODINGS, ours, words, strict=True) if a != b]
    assert differ == []
