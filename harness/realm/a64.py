# SPDX-License-Identifier: BSD-3-Clause
"""The few A64 instructions that tests let a realm execute, as 32-bit words.

Encodings: Arm Architecture Reference Manual, C6.2. Register 31 is XZR/WZR as a
transfer register.
"""

from __future__ import annotations

XZR = 31

WFI = 0xD503207F
WFE = 0xD503205F
NOP = 0xD503201F
RET = 0xD65F03C0

WORD_BYTES = 4

_SIZE = {1: 0, 2: 1, 4: 2, 8: 3}


def image(*words: int) -> bytes:
    """Instruction words as they lie in memory."""
    return b"".join(word.to_bytes(WORD_BYTES, "little") for word in words)


def load(rt: int, rn: int, *, width_bytes: int, signed: bool = False, to_64bit: bool = True) -> int:
    """``LDR{B,H,SB,SH,SW} Rt, [Xn]``; ``to_64bit`` picks X for a sign-extending load."""
    opc = (0b10 if to_64bit else 0b11) if signed else 0b01
    return _SIZE[width_bytes] << 30 | 0b111001 << 24 | opc << 22 | rn << 5 | rt


def store(rt: int, rn: int, *, width_bytes: int) -> int:
    """``STR{B,H} Rt, [Xn]``."""
    return _SIZE[width_bytes] << 30 | 0b111001 << 24 | rn << 5 | rt


def load_post_index(rt: int, rn: int, offset_bytes: int, *, width_bytes: int = 8) -> int:
    """``LDR Rt, [Xn], #offset``: no valid syndrome for the host to emulate."""
    imm9 = offset_bytes & 0x1FF
    return _SIZE[width_bytes] << 30 | 0b111000010 << 21 | imm9 << 12 | 0b01 << 10 | rn << 5 | rt


def load_pair(rt: int, rt2: int, rn: int) -> int:
    """``LDP Xt, Xt2, [Xn]``."""
    return 0b10 << 30 | 0b1010010_1 << 22 | rt2 << 10 | rn << 5 | rt


def store_pair(rt: int, rt2: int, rn: int) -> int:
    """``STP Xt, Xt2, [Xn]``."""
    return 0b10 << 30 | 0b1010010_0 << 22 | rt2 << 10 | rn << 5 | rt


def mrs(rt: int, op0: int, op1: int, crn: int, crm: int, op2: int) -> int:
    """``MRS Xt, S<op0>_<op1>_C<crn>_C<crm>_<op2>``."""
    return 0xD5200000 | _sysreg(op0, op1, crn, crm, op2) | rt


def msr(rt: int, op0: int, op1: int, crn: int, crm: int, op2: int) -> int:
    """``MSR S<op0>_<op1>_C<crn>_C<crm>_<op2>, Xt``."""
    return 0xD5000000 | _sysreg(op0, op1, crn, crm, op2) | rt


def hvc(imm: int) -> int:
    """``HVC #imm``."""
    return 0xD4000002 | imm << 5


def smc(imm: int = 0) -> int:
    """``SMC #imm``."""
    return 0xD4000003 | imm << 5


def dc_zva(rt: int) -> int:
    """``DC ZVA, Xt``: zero a block of memory, an abort of which has no syndrome."""
    return 0xD50B7420 | rt


def rdvl(rt: int) -> int:
    """``RDVL Xt, #1``: an SVE instruction, UNDEFINED where SVE is."""
    return 0x04BF5000 | 1 << 5 | rt


def branch(offset_bytes: int) -> int:
    """``B .+offset``."""
    return 0b000101 << 26 | offset_bytes >> 2 & 0x3FFFFFF


def branch_if_zero(rt: int, offset_bytes: int) -> int:
    """``CBZ Xt, .+offset``."""
    return 0xB4000000 | (offset_bytes >> 2 & 0x7FFFF) << 5 | rt


def add(rd: int, rn: int, imm: int) -> int:
    """``ADD Xd, Xn, #imm`` with 0 <= imm < 4096."""
    return 0x91000000 | imm << 10 | rn << 5 | rd


def mov(rd: int, value: int) -> tuple[int, int, int, int]:
    """``MOVZ``/``MOVK`` sequence that puts any 64-bit value into ``Xd``."""
    pieces = [value >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
    keep = [0xF2800000 | n << 21 | piece << 5 | rd for n, piece in enumerate(pieces)]
    return (0xD2800000 | pieces[0] << 5 | rd, keep[1], keep[2], keep[3])


def load_offset(rt: int, rn: int, offset_bytes: int, *, width_bytes: int = 8) -> int:
    """``LDR{B,H} Rt, [Xn, #offset]``, offset a multiple of the width."""
    return _offset(0b01, rt, rn, offset_bytes, width_bytes)


def store_offset(rt: int, rn: int, offset_bytes: int, *, width_bytes: int = 8) -> int:
    """``STR{B,H} Rt, [Xn, #offset]``, offset a multiple of the width."""
    return _offset(0b00, rt, rn, offset_bytes, width_bytes)


def _offset(opc: int, rt: int, rn: int, offset_bytes: int, width_bytes: int) -> int:
    imm12 = offset_bytes // width_bytes
    return _SIZE[width_bytes] << 30 | 0b111001 << 24 | opc << 22 | imm12 << 10 | rn << 5 | rt


def _sysreg(op0: int, op1: int, crn: int, crm: int, op2: int) -> int:
    return op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
