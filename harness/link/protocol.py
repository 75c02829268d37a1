# SPDX-License-Identifier: BSD-3-Clause
"""The monitor's protocol as Python sees it: names, offsets and reply types, out of the tables."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from harness.abi import codec, tables
from harness.types import MASK64

_TABLES = tables()
_OPS = _TABLES.enum("MonitorOp")
_STATUSES = _TABLES.enum("MonitorStatus")
_PE_STATES = _TABLES.enum("MonitorPeState")

OP_HELLO = _OPS["HELLO"]
OP_SMC = _OPS["SMC"]
OP_READ = _OPS["READ"]
OP_WRITE = _OPS["WRITE"]
OP_READ_BLOCK = _OPS["READ_BLOCK"]
OP_WRITE_BLOCK = _OPS["WRITE_BLOCK"]
OP_FILL = _OPS["FILL"]
OP_PROBE = _OPS["PROBE"]
OP_FETCH = _OPS["FETCH"]
OP_CPU_ON = _OPS["CPU_ON"]
OP_CPU_OFF = _OPS["CPU_OFF"]
OP_PROGRAM = _OPS["PROGRAM"]
OP_TIMER = _OPS["TIMER"]
OP_SGI = _OPS["SGI"]
OP_IRQ_ACK = _OPS["IRQ_ACK"]
OP_IRQ_PENDING = _OPS["IRQ_PENDING"]
OP_SYSREG_READ = _OPS["SYSREG_READ"]
OP_SYSREG_WRITE = _OPS["SYSREG_WRITE"]
OP_FP_SET = _OPS["FP_SET"]
OP_FP_GET = _OPS["FP_GET"]

STATUS_OK = _STATUSES["OK"]
STATUS_ABORT = _STATUSES["ABORT"]
PE_OFF = _PE_STATES["OFF"]
PE_READY = _PE_STATES["READY"]

MAGIC = _TABLES.constants["MONITOR_MAGIC"]
VERSION = _TABLES.constants["MONITOR_PROTOCOL_VERSION"]
FRAME_MAX_BYTES = _TABLES.constants["MONITOR_FRAME_MAX"]
MAX_PES = _TABLES.constants["MONITOR_MAX_PES"]
SOH = _TABLES.constants["MONITOR_FRAME_SOH"]
EOT = _TABLES.constants["MONITOR_FRAME_EOT"]

MAILBOX = _TABLES.struct("MonitorMailbox")
BLOCK_BYTES = MAILBOX.field("data").size
PROBE_GRANULES = BLOCK_BYTES * 8
FP_BYTES = 32 * 16
ARG_COUNT = 8

READY_LINE = rb"MONITOR READY"
"""What the monitor prints once at boot, when it starts to serve requests."""

SYSREGS = _TABLES.enum("MonitorSysreg")

GRANULE_PROTECTION_FAULT = 0b101000
"""DFSC and IFSC of ESR_ELx: granule protection fault, not on a translation table walk."""

_RETURN_CODE = _TABLES.bitfield("RmiCommandReturnCode")
_OP_NAMES = {value: name for name, value in _OPS.items()}
_STATUS_NAMES = {value: name for name, value in _STATUSES.items()}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the monitor; the fault registers are zero unless ``status`` is ABORT."""

    status: int
    values: tuple[int, ...]
    esr: int = 0
    elr: int = 0
    far: int = 0
    hpfar: int = 0
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one memory access gave: a value, or the registers of the abort it took."""

    status: int
    value: int
    esr: int
    far: int
    elr: int
    hpfar: int

    @classmethod
    def of(cls, reply: Reply) -> Outcome:
        """Take the outcome out of an answer."""
        return cls(reply.status, reply.values[0], reply.esr, reply.far, reply.elr, reply.hpfar)

    @property
    def ok(self) -> bool:
        """Whether the access went through."""
        return self.status == STATUS_OK

    @property
    def aborted(self) -> bool:
        """Whether the access took an abort."""
        return self.status == STATUS_ABORT

    @property
    def fault_status(self) -> int:
        """DFSC or IFSC of the abort: ESR_EL2 bits 5:0."""
        return self.esr & 0x3F

    @property
    def granule_fault(self) -> bool:
        """Whether the access itself (no table walk) took a granule protection fault."""
        return self.aborted and self.fault_status == GRANULE_PROTECTION_FAULT


def op_name(op: int) -> str:
    """Return the name of an operation."""
    return _OP_NAMES.get(op, f"op {op:#x}")


def status_name(status: int) -> str:
    """Return the name of an answer's status."""
    return _STATUS_NAMES.get(status, f"status {status:#x}")


def describe_call(op: int, args: tuple[int, ...]) -> str:
    """Return an operation with its arguments; an SMC under the name of its function id."""
    name, shown = op_name(op), args
    if op == OP_SMC and args:
        command = _TABLES.by_fid.get(args[0])
        name = command.name if command else f"SMC {args[0]:#x}"
        shown = args[1 : 1 + sum(r.count for r in command.inputs)] if command else args[1:]
    return f"{name}({', '.join(f'{arg:#x}' for arg in shown)})"


def describe_result(op: int, args: tuple[int, ...], reply: Reply) -> str:
    """Return an answer in one line; the status of an RMI call by its name."""
    if reply.status != STATUS_OK:
        return f"{status_name(reply.status)} esr={reply.esr:#x} far={reply.far:#x}"
    x0, *rest = reply.values
    first = f"{x0:#x}"
    if op == OP_SMC and args:
        command = _TABLES.by_fid.get(args[0])
        if command and command.name.startswith("RMI_") and command.name != "RMI_VERSION":
            first = _describe_status(x0)
    while rest and not rest[-1]:
        rest.pop()
    return ", ".join([first, *(f"{value:#x}" for value in rest)])


def _describe_status(x0: int) -> str:
    """Return an RMI status by name, with its index; a word that is none as it is."""
    if x0 == MASK64:
        return "NOT_SUPPORTED"
    status, index = (_RETURN_CODE.bits(name).get(x0) for name in ("status", "index"))
    if x0 != _RETURN_CODE.encode(status=status, index=index):
        return f"{x0:#x}"
    name = _TABLES.status_name(status, "RMI")
    return f"{name}/{index}" if index else name


def mailbox_formats() -> tuple[struct.Struct, struct.Struct]:
    """Return the packers of a request (op, args) and an answer (status .. hpfar).

    Each is one run of 64-bit words; that the table keeps them adjacent is checked here.
    """
    layout = codec("MonitorMailbox")
    request, answer = struct.Struct("<9Q"), struct.Struct("<13Q")
    adjacent = {
        "args": layout.offset("op") + 8,
        "values": layout.offset("status") + 8,
        "esr": layout.offset("status") + 72,
        "elr": layout.offset("status") + 80,
        "far": layout.offset("status") + 88,
        "hpfar": layout.offset("status") + 96,
    }
    for name, offset in adjacent.items():
        assert layout.offset(name) == offset, f"MonitorMailbox.{name} has moved"
    return request, answer
