# SPDX-License-Identifier: BSD-3-Clause
"""Which cell a REC exit is: reason, class and direction (RMM specification, REC exit)."""

from __future__ import annotations

from collections.abc import Mapping

from harness.abi import Value, tables
from harness.coverage.cells import Cell, known_cells
from harness.coverage.recorder import collects, record_cell

_REASONS = {code: name for name, code in tables().enum("RmiRecExitReason").items()}
_RIPAS = {code: name for name, code in tables().enum("RmiRipas").items()}
_ALONE = {"IRQ": "IRQ", "FIQ": "FIQ", "HOST_CALL": "host call", "SERROR": "SError"}
"""Reasons that have one kind only."""

_WFX = 0x01
_SYSREG = 0x18
_INSTRUCTION_ABORT = 0x20
_DATA_ABORT = 0x24
_EXTERNAL_ABORT = 0x10
"""DFSC, IFSC: synchronous external abort, not on a translation table walk."""
_PERMISSION_FAULT = 0b0011
"""DFSC[5:2]."""


def record_exit(record: Mapping[str, Value]) -> None:
    """Say that a decoded RmiRecExit was seen; one that is no cell is left out."""
    if collects() and (cell := exit_cell(record)) is not None:
        record_cell(cell)


def exit_cell(record: Mapping[str, Value]) -> Cell | None:
    """The cell of a decoded RmiRecExit; None for an exit that nobody defined."""
    reason = _REASONS.get(_number(record, "exit_reason"), "")
    cell = Cell(reason, _kind(reason, record))
    return cell if cell in known_cells() else None


def _kind(reason: str, record: Mapping[str, Value]) -> str:
    match reason:
        case "SYNC":
            return _sync_kind(_number(record, "esr"))
        case "PSCI":
            gprs = record["gprs"]
            command = tables().by_fid.get(gprs[0]) if isinstance(gprs, tuple) else None
            return command.name if command else ""
        case "RIPAS_CHANGE":
            return f"to {_RIPAS.get(_number(record, 'ripas_value'))}"
    return _ALONE.get(reason, "")


def _sync_kind(esr: int) -> str:
    kind, fault = esr >> 26 & 0x3F, esr & 0x3F
    if kind in (_DATA_ABORT, _INSTRUCTION_ABORT) and fault == _EXTERNAL_ABORT:
        return "external abort"
    if kind == _DATA_ABORT:
        return f"data abort, {_data_abort(esr, fault)}"
    if kind == _INSTRUCTION_ABORT:
        return "instruction abort"
    if kind == _WFX:
        return "WFE" if esr & 1 else "WFI"
    if kind == _SYSREG:
        return f"system register {'read' if esr & 1 else 'write'}"
    return ""


def _data_abort(esr: int, fault: int) -> str:
    if esr >> 24 & 1:
        return f"emulatable {'write' if esr >> 6 & 1 else 'read'}"
    kind = "permission" if fault >> 2 == _PERMISSION_FAULT else "translation"
    return f"not emulatable, {kind} fault"


def _number(record: Mapping[str, Value], name: str) -> int:
    value = record[name]
    return value if isinstance(value, int) else 0
