# SPDX-License-Identifier: BSD-3-Clause
"""REC entries and exits in a few words, and what the host did about an exit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.abi import Value, tables
from harness.errors import RealmError
from harness.realm.exits import (
    DataAbort,
    Exit,
    HostCallExit,
    InstructionAbort,
    PsciExit,
    RipasChangeExit,
    SyncExit,
    SysregExit,
    WfxExit,
    decode_exit,
)
from harness.tap import Call, Return, decode
from harness.types import Pa

_FLAGS = tables().bitfield("RmiRecEnterFlags")
_RIPAS = {value: name for name, value in tables().enum("RmiRipas").items()}
_MOST_GPRS = 3


def exit_text(event: Return) -> str:
    """Why a REC was left, "" for what is no successful RMI_REC_ENTER."""
    if event.name != "RMI_REC_ENTER" or not event.ok or event.memory is None:
        return ""
    try:
        return _describe(decode_exit(event.memory.data))
    except RealmError:
        fields = event.structure
        return f"exit {decode.exit_reason(fields)}" if fields else ""


def _describe(seen: Exit) -> str:
    match seen:
        case SyncExit():
            return f"exit {_sync(seen)}"
        case PsciExit():
            args = " ".join(f"{word:#x}" for word in seen.gprs[1:4] if word)
            return f"exit {decode.name_of(seen.fid)} {args}".rstrip()
        case RipasChangeExit():
            wanted = _RIPAS.get(seen.ripas, f"{seen.ripas:#x}")
            return f"exit RIPAS_CHANGE {seen.base}..{seen.top} to {wanted}"
        case HostCallExit():
            return f"exit HOST_CALL imm={seen.imm:#x}{_gprs(seen.gprs)}"
    return f"exit {decode.exit_reason(seen.record)}"


def _sync(seen: SyncExit) -> str:
    match seen:
        case DataAbort(emulatable=True):
            if seen.is_write:
                return f"MMIO write {seen.width_bytes} at {seen.ipa} value {seen.value:#x}"
            return f"MMIO read {seen.width_bytes} at {seen.ipa}"
        case DataAbort():
            return f"data abort at {seen.ipa} fault {seen.fault_status:#04x}"
        case InstructionAbort():
            return f"instruction abort at {seen.ipa} fault {seen.fault_status:#04x}"
        case WfxExit():
            return "WFE" if seen.is_wfe else "WFI"
        case SysregExit():
            name = "S{}_{}_C{}_C{}_{}".format(*seen.register)
            return f"system register {'read' if seen.is_read else 'write'} {name}"
    return f"sync esr={seen.esr:#x}"


def entry_text(fields: Mapping[str, Value] | None) -> str:
    """What a host brings into a REC; "" where RmiRecEnter is all zero or was not recorded."""
    if fields is None:
        return ""
    flags, gprs, lrs = fields["flags"], fields["gprs"], fields["gicv3_lrs"]
    assert isinstance(flags, int)
    parts = [_flag(bits.name, bits.get(flags)) for bits in _FLAGS.fields if bits.get(flags)]
    if isinstance(gprs, tuple) and any(gprs):
        parts.append(_gprs(gprs).strip())
    if isinstance(lrs, tuple) and any(lrs):
        parts.append("lrs=" + ",".join(f"{word:#x}" for word in lrs if word))
    return " ".join(parts)


def _flag(name: str, value: int) -> str:
    return name if value == 1 else f"{name}={value}"


def _gprs(gprs: tuple[int, ...]) -> str:
    used = [f"x{n}={value:#x}" for n, value in enumerate(gprs) if value]
    more = f" +{len(used) - _MOST_GPRS}" if len(used) > _MOST_GPRS else ""
    return "".join(f" {text}" for text in used[:_MOST_GPRS]) + more


class Handling:
    """What the host does between an exit of a REC and its next entry.

    It counts the RMI calls that name the REC or its realm's RD.
    """

    def __init__(self) -> None:
        self._left: dict[int, tuple[int, int, Counter[str]]] = {}

    def returned(self, event: Return, rd: Pa | None) -> None:
        """A REC was left: what comes now is for it."""
        call = event.call
        if call is not None and event.ok and event.name == "RMI_REC_ENTER":
            self._left[call.x[1]] = (call.seq, int(rd or 0), Counter())

    def called(self, call: Call) -> None:
        """A call of the host other than an entry."""
        if not call.name.startswith("RMI_"):
            return
        if call.name == "RMI_REC_DESTROY":
            self._left.pop(call.x[1], None)
            return
        named = set(call.x[1:3])
        for rec, (_, rd, done) in self._left.items():
            if rec in named or (rd and rd in named):
                done[call.name] += 1

    def entered(self, call: Call) -> str:
        """What the entry follows, in words; "" for the first one."""
        left = self._left.get(call.x[1])  # stays: the entry may fail
        if left is None:
            return ""
        seq, _, done = left
        shown = [name + (f" x{count}" if count > 1 else "") for name, count in done.items()]
        return f"after exit #{seq}" + (f" and {', '.join(shown)}" if shown else "")
