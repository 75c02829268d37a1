# SPDX-License-Identifier: BSD-3-Clause
"""Where PEs are, read from QEMU's text (as QEMU 10 prints it, cut)."""

from harness.machine.position import Position, describe_positions, parse_positions

TEXT = """\

CPU#0
 PC=0000000040101234 X00=0000000000000000 X01=0000000000000004
X29=0000000000000000 X30=00000000e0b01c1d  SP=0000000000000000
PSTATE=000003c9 ---- NS EL2h  SVCR=00000000 --  BTYPE=0     FPCR=00000000 FPSR=00000000
P00=0000 P01=0000

CPU#1
 PC=0000000000000000 X00=0000000000000000 X01=0000000000000000
PSTATE=400003cd -Z-- S  EL3h  SVCR=00000000 --  BTYPE=0
"""


def test_each_pe_has_a_level_and_a_program_counter() -> None:
    assert parse_positions(TEXT) == [Position(0, 2, 0x4010_1234), Position(1, 3, 0)]


def test_text_of_another_kind_gives_nothing() -> None:
    assert parse_positions("Error: unknown command") == []


def test_names_are_those_of_the_world_that_runs_at_the_level() -> None:
    positions = [Position(pe, level, 0x1_0000) for pe, level in enumerate((0, 1, 2, 3))]
    host, realm = (lambda pc: f"{pc:#x} rmm: a+0x0"), (lambda pc: f"{pc:#x} realm: b+0x0")
    assert describe_positions(positions, host, realm) == [
        "PE 0: EL0 at 0x10000",
        "PE 1: EL1 at 0x10000 realm: b+0x0",
        "PE 2: EL2 at 0x10000 rmm: a+0x0",
        "PE 3: EL3 at 0x10000 rmm: a+0x0",
    ]
