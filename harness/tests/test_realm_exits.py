# SPDX-License-Identifier: BSD-3-Clause
"""REC exits: every reason, every field, and the text for a reason nobody knows."""

from __future__ import annotations

import pytest

from harness.abi import Value, codec, tables
from harness.errors import RealmError
from harness.realm import exits
from harness.realm.exits import Exit, decode_exit
from harness.rmi import ExitReason
from harness.types import Ipa

SYNC_ESR = {
    exits.WfxExit: 0x01 << 26,
    exits.SysregExit: 0x18 << 26,
    exits.InstructionAbort: 0x20 << 26,
    exits.DataAbort: 0x24 << 26,
    exits.SyncExit: 0x3C << 26,
}


def decoded(reason: ExitReason, **fields: Value) -> Exit:
    return decode_exit(codec("RmiRecExit").encode(exit_reason=int(reason), **fields))


def data_abort(esr: int, **fields: Value) -> exits.DataAbort:
    seen = decoded(ExitReason.SYNC, esr=SYNC_ESR[exits.DataAbort] | esr, **fields)
    assert isinstance(seen, exits.DataAbort)
    return seen


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (ExitReason.IRQ, exits.IrqExit),
        (ExitReason.FIQ, exits.FiqExit),
        (ExitReason.PSCI, exits.PsciExit),
        (ExitReason.RIPAS_CHANGE, exits.RipasChangeExit),
        (ExitReason.HOST_CALL, exits.HostCallExit),
        (ExitReason.SERROR, exits.SErrorExit),
    ],
)
def test_reason_gives_the_kind(reason: ExitReason, kind: type[Exit]) -> None:
    seen = decoded(reason)
    assert type(seen) is kind
    assert seen.reason == reason


def test_every_reason_of_the_table_is_decoded() -> None:
    for value in tables().enum("RmiRecExitReason").values():
        assert decoded(ExitReason(value)).reason == value


@pytest.mark.parametrize(("kind", "esr"), SYNC_ESR.items())
def test_exception_class_gives_the_kind(kind: type[Exit], esr: int) -> None:
    seen = decoded(ExitReason.SYNC, esr=esr)
    assert type(seen) is kind
    assert isinstance(seen, exits.SyncExit)
    assert seen.ec == esr >> 26


@pytest.mark.parametrize("reason", [7, 0x100])
def test_unknown_reason(reason: int) -> None:
    area = bytearray(codec("RmiRecExit").encode(imm=0x12))
    area[:8] = reason.to_bytes(8, "little")  # also a value that only shows beyond the first byte
    with pytest.raises(
        RealmError, match=rf"unknown reason {reason}: .*imm=0x12\nhint: compare Rmi"
    ):
        decode_exit(bytes(area))


def test_fault_address_comes_from_two_registers() -> None:
    # HPFAR_EL2.FIPA is bits 43:4 and holds IPA[51:12]; all others are not part of the address.
    hpfar = 0xFFFF_F000_0000_000F | 0x8_1234_5 << 4
    seen = data_abort(0, hpfar=hpfar, far=0xFFFF_0000_0000_0123)
    assert seen.ipa == 0x8_1234_5123
    assert isinstance(seen.ipa, Ipa)


@pytest.mark.parametrize(
    ("status", "is_translation", "level"),
    [(0b000100, True, 0), (0b000111, True, 3), (0b001111, False, 3), (0b001000, False, 0)],
)
def test_fault_status(status: int, is_translation: bool, level: int) -> None:
    seen = data_abort(status)
    assert seen.fault_status == status
    assert seen.is_translation_fault is is_translation
    assert seen.fault_level == level


@pytest.mark.parametrize(
    ("bits", "emulatable", "is_write", "width_bytes", "is_64bit"),
    [
        (0, False, False, 1, False),
        (1 << 24, True, False, 1, False),
        (1 << 6, False, True, 1, False),
        (1 << 22, False, False, 2, False),
        (2 << 22, False, False, 4, False),
        (3 << 22 | 1 << 15, False, False, 8, True),
    ],
)
def test_data_abort(
    bits: int, emulatable: bool, is_write: bool, width_bytes: int, is_64bit: bool
) -> None:
    seen = data_abort(bits, gprs=(0xAB,))
    assert seen.emulatable is emulatable
    assert seen.is_write is is_write
    assert seen.width_bytes == width_bytes
    assert seen.is_64bit_register is is_64bit
    assert seen.value == 0xAB


@pytest.mark.parametrize(("iss", "is_wfe"), [(0, False), (1, True)])
def test_wfx(iss: int, is_wfe: bool) -> None:
    seen = decoded(ExitReason.SYNC, esr=0x01 << 26 | iss)
    assert isinstance(seen, exits.WfxExit)
    assert seen.is_wfe is is_wfe


def test_system_register() -> None:
    # ISS of a trapped MSR/MRS: Op0 21:20, Op2 19:17, Op1 16:14, CRn 13:10, Rt 9:5, CRm 4:1, read 0.
    iss = 3 << 20 | 5 << 17 | 4 << 14 | 12 << 10 | 7 << 5 | 11 << 1
    write = decoded(ExitReason.SYNC, esr=0x18 << 26 | iss)
    read = decoded(ExitReason.SYNC, esr=0x18 << 26 | iss | 1)
    assert isinstance(write, exits.SysregExit)
    assert isinstance(read, exits.SysregExit)
    assert write.register == read.register == (3, 4, 12, 11, 5)
    assert (write.is_read, read.is_read) == (False, True)


def test_psci() -> None:
    seen = decoded(ExitReason.PSCI, gprs=(0xC400_0003, 0x100))
    assert isinstance(seen, exits.PsciExit)
    assert (seen.fid, seen.target_mpidr) == (0xC400_0003, 0x100)


def test_ripas_change() -> None:
    seen = decoded(ExitReason.RIPAS_CHANGE, ripas_base=0x1000, ripas_top=0x3000, ripas_value=1)
    assert isinstance(seen, exits.RipasChangeExit)
    assert (seen.base, seen.top, seen.ripas) == (0x1000, 0x3000, 1)


def test_host_call() -> None:
    seen = decoded(ExitReason.HOST_CALL, imm=0xCCA)
    assert isinstance(seen, exits.HostCallExit)
    assert seen.imm == 0xCCA


def test_registers_of_any_exit() -> None:
    seen = decoded(ExitReason.IRQ, gprs=tuple(range(31)), gicv3_lrs=tuple(range(16)))
    assert seen.gprs == tuple(range(31))
    assert seen.lrs == tuple(range(16))


def test_what_is_not_zero() -> None:
    seen = decoded(ExitReason.HOST_CALL, imm=3, gicv3_lrs=(0, 9))
    assert seen.nonzero() == {"exit_reason": 5, "imm": 3, "gicv3_lrs": (0, 9, *[0] * 14)}
    assert seen.describe() == "HostCallExit(exit_reason=0x5, gicv3_lrs={1: '0x9'}, imm=0x3)"


def test_a_list_is_not_a_number() -> None:
    with pytest.raises(RealmError, match=r"RmiRecExit\.gprs is not a number"):
        decoded(ExitReason.IRQ).number("gprs")
