# SPDX-License-Identifier: BSD-3-Clause
"""What kind of exit an exit is, in the words of the ABI coverage; booked when it is decoded."""

from __future__ import annotations

from harness import coverage
from harness.abi import tables
from harness.realm.exits import (
    DataAbort,
    Exit,
    InstructionAbort,
    PsciExit,
    RipasChangeExit,
    SyncExit,
    SysregExit,
    WfxExit,
)
from harness.rmi import ExitReason, Ripas

_EXTERNAL_ABORT = 0x10
"""DFSC, IFSC: synchronous external abort, not on a translation table walk."""
_PERMISSION_FAULT = 0b0011
_ALONE = {
    ExitReason.IRQ: "IRQ",
    ExitReason.FIQ: "FIQ",
    ExitReason.HOST_CALL: "host call",
    ExitReason.SERROR: "SError",
}
"""Reasons that have one kind only."""


def book_exit(seen: Exit) -> Exit:
    """Tell the ABI coverage that this exit was seen, and return it."""
    kind = exit_kind(seen)
    if kind is not None:
        coverage.record_exit(ExitReason(seen.reason).name, kind)
    return seen


def exit_kind(seen: Exit) -> str | None:
    """Name the kind of an exit (class and direction); None for one that nobody defined."""
    match seen:
        case SyncExit():
            return _sync_kind(seen)
        case PsciExit():
            command = tables().by_fid.get(seen.fid)
            return command.name if command else None
        case RipasChangeExit():
            return f"to {Ripas(seen.ripas).name}" if seen.ripas in tuple(Ripas) else None
    return _ALONE.get(ExitReason(seen.reason))


def _sync_kind(seen: SyncExit) -> str | None:
    if isinstance(seen, DataAbort | InstructionAbort) and seen.fault_status == _EXTERNAL_ABORT:
        return "external abort"
    match seen:
        case DataAbort(emulatable=True):
            return f"data abort, emulatable {'write' if seen.is_write else 'read'}"
        case DataAbort():
            permission = seen.fault_status >> 2 == _PERMISSION_FAULT
            fault = "permission" if permission else "translation"
            return f"data abort, not emulatable, {fault} fault"
        case InstructionAbort():
            return "instruction abort"
        case WfxExit():
            return "WFE" if seen.is_wfe else "WFI"
        case SysregExit():
            return f"system register {'read' if seen.is_read else 'write'}"
    return None
